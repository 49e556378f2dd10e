"""Episodes and trajectories seed by seed and pooled, with 95% intervals: summary, curves by step, selection."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rmft.core.metrics import median_reward
from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.stages.experiment import alike, cell, gap, talk
from rmft.stages.results import Reader, read_json
from rmft.stages.table_columns import MEASURED, bounded

BOUNDED = ["regret", "change", "information_regret", "suff_fail", "min_frac", "lucky", "entropy", "policy_entropy"]
MEANS = ["reward", "greedy_frac", "coverage", "variation", "parse_failure_rate", "renormalised_rate"]
MEANS += ["tokens_prompt", "tokens_sampled"]  # of an episode
# Of each table by step: the list column that it is the mean of, what that is called, and its first step.
LINES = {"curves": ("curve", "regret", 1), "suff_fail": ("suff_fail_curve", "suff_fail", 0)}


def stream(where: dict, what: str) -> np.random.Generator:
    """The bootstrap's stream, named by its row; one for all methods at iteration 0, which is the same base policy."""
    shared = {"method": "base", "label": ""} if where["iteration"] is not pd.NA and where["iteration"] == 0 else {}
    return generator("tables", *map(str, {**where, **shared}.values()), what)


def pools(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[dict, list[pd.DataFrame]]]:
    """Every group of ``keys`` seed by seed, then the same with all seeds pooled: (key values, one frame per seed)."""
    for key, rows in table.groupby(keys, sort=False, dropna=False):
        yield dict(zip(keys, key, strict=True)), [rows]
    over = [k for k in keys if k != "seed"]
    for key, rows in table[table["seed"] != "all"].groupby(over, sort=False, dropna=False):
        where = {**dict(zip(over, key, strict=True)), "seed": "all"}
        yield {k: where[k] for k in keys}, [part for _, part in rows.groupby("seed", sort=False)]


def summary(episodes: pd.DataFrame, tasks: dict[str, dict[str, dict]]) -> pd.DataFrame:
    """One row per policy x seed (and all seeds pooled) x iteration, and per baseline: means and 95% intervals, and the
    median reward where it is defined; last how the row's task is told and which task is alike but for that. ``tasks``: of
    each task its entry under every suite."""
    rows, own = [], {name: suites["in-distribution"] for name, suites in tasks.items()}
    for where, parts in pools(episodes, MEASURED):
        row = {**where, "episodes": len(parts[0]), "seeds": len(parts)}
        found = intervals([p[BOUNDED].to_numpy(float) for p in parts], rng=stream(where, "summary"))
        for metric, values in zip(BOUNDED, found, strict=True):
            row |= dict(zip(bounded(metric), values, strict=True))
        row |= {metric: np.mean([p[metric].mean() for p in parts]) for metric in MEANS}
        row["median_reward"] = _median_reward(parts, tasks[where["task"]][where["suite"]])
        rows.append(row | {"horizon": len(parts[0]["curve"].iloc[0])})
    table, same = pd.DataFrame(rows), alike(own)
    return table.assign(talk=[talk(own[t]) for t in table["task"]], alike=table["task"].map(same))


def _median_reward(parts: list[pd.DataFrame], entry: dict) -> float:
    """MedianReward, the mean over seeds; NaN on a task that has none."""
    apart = gap(entry)
    return np.nan if apart is None else np.mean([median_reward(p["reward"].to_numpy(), apart) for p in parts])


def by_step(episodes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For the rows of ``summary``, with 95% intervals from the same draws: ``curves``, the mean cumulative regret at every
    step t = 1..T; ``suff_fail``, SuffFailFreq after every step t = 0..T-1 (summary has that of T/2)."""
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in LINES}
    for where, parts in pools(episodes, MEASURED):
        stacks = [np.hstack([np.stack(p[column].to_numpy()) for column, *_ in LINES.values()]) for p in parts]
        found = np.split(intervals(stacks, rng=stream(where, "curve")), len(LINES))
        for (name, (_, value, first)), line in zip(LINES.items(), found, strict=True):
            table = pd.DataFrame(line, columns=[value, "low", "high"]).assign(**where, episodes=len(parts[0]))
            frames[name].append(table.assign(step=np.arange(first, len(line) + first)))
    order = {name: [*MEASURED, "episodes", "step", value, "low", "high"] for name, (_, value, _) in LINES.items()}
    return {name: pd.concat(parts, ignore_index=True)[order[name]] for name, parts in frames.items()}


def selection_table(reader: Reader, trajectories: pd.DataFrame) -> pd.DataFrame:
    """What each selection chose from and kept, per method x seed (and pooled) x iteration: shares of lucky picks, mean
    regrets, and how far apart the rollouts of a scenario are."""
    keys, rows = ["model", "task", "method", "label", "seed", "iteration"], []
    for where, parts in pools(trajectories, keys):
        kept = [p[p["selected"] == 1] for p in parts]
        row = {**where, "trajectories": len(parts[0]), "selected": len(kept[0])}
        row["lucky_all"] = np.mean([p["lucky"].mean() for p in parts])
        row |= _by_scenario(kept, where, "lucky", "lucky_selected")
        for score in ("regret", "information_regret"):
            row[f"{score}_all"] = np.mean([p[score].mean() for p in parts])
            row[f"{score}_selected"] = np.mean([k[score].mean() for k in kept])
        row["suff_fail_selected"] = _suff_fail(reader, where)
        row |= _by_scenario(parts, where, "diversity", "diversity")
        rows.append(row)
    return pd.DataFrame(rows)


def _by_scenario(parts: list[pd.DataFrame], where: dict, column: str, name: str) -> dict[str, float]:
    """Mean over scenarios of a column's mean in each, with its 95% interval."""
    means = [p.groupby("scenario_id")[[column]].mean().to_numpy(float) for p in parts]
    found = intervals(means, rng=generator("tables", *map(str, where.values()), column))[0]
    return dict(zip(bounded(name), found, strict=True))


def _suff_fail(reader: Reader, where: dict) -> float:
    """SuffFailFreq(T/2) among the selected, from the selection's own record (mean over seeds where pooled)."""
    of = [where[key] for key in ("model", "task", "method")]
    runs = [r for r in reader.runs() if [r.model, r.task, r.method] == of and where["seed"] in ("all", str(r.seed))]
    at = [cell(reader.results, *of, run.seed, where["iteration"]) for run in runs]
    return float(np.mean([read_json(p / "selection.json", suff_fail_selected=float)["suff_fail_selected"] for p in at]))
