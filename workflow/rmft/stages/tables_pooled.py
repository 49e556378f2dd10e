"""Episodes and trajectories seed by seed and pooled, with 95% intervals: summary, curves, selection."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.stages.experiment import alike, cell, talk
from rmft.stages.results import Reader, read_json

CELL = ["model", "task", "kind", "method", "label", "seed", "iteration", "suite", "measure"]
BOUNDED = ["regret", "change", "information_regret", "suff_fail", "min_frac", "lucky"]
MEANS = ["reward", "greedy_frac", "coverage", "variation", "parse_failure_rate", "renormalised_rate"]


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


def summary(episodes: pd.DataFrame, tasks: dict[str, dict]) -> pd.DataFrame:
    """One row per policy x seed (and all seeds pooled) x iteration, and per baseline: means and 95% intervals; last how
    the row's task (its entry in ``tasks``) is told and which task is alike but for that."""
    rows = []
    for where, parts in pools(episodes, CELL):
        row = {**where, "episodes": len(parts[0]), "seeds": len(parts)}
        found = intervals([p[BOUNDED].to_numpy(float) for p in parts], rng=stream(where, "summary"))
        for metric, values in zip(BOUNDED, found, strict=True):
            row |= dict(zip((metric, f"{metric}_low", f"{metric}_high"), values, strict=True))
        row |= {metric: np.mean([p[metric].mean() for p in parts]) for metric in MEANS}
        rows.append(row | {"horizon": len(parts[0]["curve"].iloc[0])})
    table, same = pd.DataFrame(rows), alike(tasks)
    return table.assign(talk=[talk(tasks[t]) for t in table["task"]], alike=table["task"].map(same))


def curves(episodes: pd.DataFrame) -> pd.DataFrame:
    """Mean cumulative regret at every step t = 1..T, with its 95% interval, for the rows of ``summary``."""
    frames = []
    for where, parts in pools(episodes, CELL):
        stacks = [np.stack(p["curve"].to_numpy()) for p in parts]
        line = pd.DataFrame(intervals(stacks, rng=stream(where, "curve")), columns=["regret", "low", "high"])
        frames.append(line.assign(**where, step=np.arange(1, len(line) + 1), episodes=len(parts[0])))
    order = [*CELL, "episodes", "step", "regret", "low", "high"]
    return pd.concat(frames, ignore_index=True)[order]


def selection_table(reader: Reader, trajectories: pd.DataFrame) -> pd.DataFrame:
    """What each selection kept, per method x seed (and pooled) x iteration: shares of lucky picks, mean regrets."""
    keys, rows = ["model", "task", "method", "label", "seed", "iteration"], []
    for where, parts in pools(trajectories, keys):
        kept = [p[p["selected"] == 1] for p in parts]
        row = {**where, "trajectories": len(parts[0]), "selected": len(kept[0])}
        per_scenario = [k.groupby("scenario_id")[["lucky"]].mean().to_numpy(float) for k in kept]
        row["lucky_all"] = np.mean([p["lucky"].mean() for p in parts])
        found = intervals(per_scenario, rng=generator("tables", *map(str, where.values()), "lucky"))[0]
        row |= dict(zip(("lucky_selected", "lucky_selected_low", "lucky_selected_high"), found, strict=True))
        for score in ("regret", "information_regret"):
            row[f"{score}_all"] = np.mean([p[score].mean() for p in parts])
            row[f"{score}_selected"] = np.mean([k[score].mean() for k in kept])
        row["suff_fail_selected"] = _suff_fail(reader, where)
        rows.append(row)
    return pd.DataFrame(rows)


def _suff_fail(reader: Reader, where: dict) -> float:
    """SuffFailFreq(T/2) among the selected, from the selection's own record (mean over seeds where pooled)."""
    of = [where[key] for key in ("model", "task", "method")]
    runs = [r for r in reader.runs() if [r.model, r.task, r.method] == of and where["seed"] in ("all", str(r.seed))]
    at = [cell(reader.results, *of, run.seed, where["iteration"]) for run in runs]
    return float(np.mean([read_json(p / "selection.json", "suff_fail_selected")["suff_fail_selected"] for p in at]))
