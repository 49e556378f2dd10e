"""tables: gather what the selected cells hold into CSV files, the one place that figures and the report read.

Bytes depend on the results alone: no clock, no path of this machine, no order of files.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rmft.core.metrics import median_reward
from rmft.core.policies import Oracle, label, policy_from_config
from rmft.core.regret import regret_name
from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.core.tasks import task_from_config
from rmft.core.tuning import candidates
from rmft.stages import files, program

CELL = ["model", "task", "kind", "method", "label", "seed", "iteration", "suite", "measure"]
EPISODE = [
    "suite",
    "episode",
    "scenario_id",
    "regret",
    "information_regret",
    "reward",
    "suff_fail",
    "min_frac",
    "greedy_frac",
    "coverage",
    "lucky",
    "variation",
    "parse_failures",
    "renormalised",
    "tokens_sampled",
]
BOUNDED = ["regret", "change", "information_regret", "suff_fail", "min_frac", "lucky"]
MEANS = ["reward", "greedy_frac", "coverage", "variation", "parse_failure_rate", "renormalised_rate"]
TALK = {"interaction": "dialogue", "output": "action", "context": "", "reasoning": "free", "shown": "raw"}
SCORES = {
    "regret": "oracle regret",
    "information_regret": "information regret",
    "reward": "highest reward",
    "rolling_regret": "rolling regret",
    "random": "random choice",
}

# The hard instance of arXiv 2403.15371 and its table; then pseudo-regrets of 20,000 episodes on the same instance.
HARD = {"arms": 5, "horizon": 100, "means": {"kind": "gap", "gap": 0.2}, "rewards": {"kind": "bernoulli"}}
PUBLISHED = [
    (
        {"policy": "thompson_bernoulli"},
        {"median_reward": 0.47, "suff_fail": 0.01, "min_frac": 0.28, "greedy_frac": 0.62, "regret": 11.24},
    ),
    (
        {"policy": "ucb", "constant": 1.0, "growth": "none"},
        {"median_reward": 0.55, "suff_fail": 0.02, "min_frac": 0.18, "greedy_frac": 0.76},
    ),
    (
        {"policy": "greedy"},
        {"median_reward": 0.40, "suff_fail": 0.48, "min_frac": 0.05, "greedy_frac": 1.0, "regret": 10.86},
    ),
    ({"policy": "random"}, {"regret": 16.0}),
    ({"policy": "ucb", "constant": 0.5, "growth": "log"}, {"regret": 11.20}),
    ({"policy": "ucb", "constant": 2.0, "growth": "log"}, {"regret": 13.72}),
    ({"policy": "exp3", "gamma": 0.216}, {"regret": 14.80}),
]
STATISTICS = ["median_reward", "suff_fail", "min_frac", "greedy_frac", "regret"]


@dataclass(frozen=True)
class Run:
    """One repetition of a method: policies 0..N. ``first``: the method whose cell holds what policy_0 rolled out. ``kind``:
    of its rows in the tables, "policy" where it speaks in words and "numeric" where in numbers."""

    model: str
    task: str
    method: str
    seed: int
    iterations: int
    first: str
    kind: str = "policy"


@dataclass(frozen=True)
class Selection:
    """What the experiment consists of: the ``--selection`` argument.

    tasks: of each task its entry under every suite. runs: see ``Run``. baselines: of each task its baselines' entries.
    """

    models: list[str]
    tasks: dict[str, dict[str, dict]]
    runs: list[dict]
    baselines: dict[str, dict[str, dict]]
    calibration_tasks: dict[str, dict]
    calibration_baselines: dict[str, dict]


def selection_from_json(text: str) -> Selection:
    """The selection of a JSON text. Raises ValueError, naming the key, for one that is not closed."""
    try:
        return Selection(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ValueError(f"--selection: {error}") from None


def cell(results: Path, model: str, task: str, method: str, seed: int, iteration: int) -> Path:
    """The folder of a cell."""
    return results / "cells" / model / task / method / f"seed{seed}" / f"iter{iteration}"


# ---- reading: a file that is missing or broken is one line that names it and the mend


def _broken(path: Path, why: str) -> ValueError:
    return ValueError(f"{path}: {why}; delete it and run the same command again to have it made anew")


def _present(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path}: is missing; make it with: snakemake {path}")
    return path


def read_rows(path: Path, schema: pa.Schema, columns: list[str]) -> pd.DataFrame:
    """Columns of a parquet file of a contract. Raises ValueError for a missing or broken one."""
    wanted = pa.schema([schema.field(column) for column in columns])
    return files.read_table(_present(path), wanted).to_pandas()


def read_json(path: Path, *keys: str) -> dict:
    """A JSON object that has ``keys``. Raises ValueError for a missing or broken one."""
    value = files.read_json(_present(path))
    if absent := [key for key in keys if key not in value]:
        raise _broken(path, f"lacks the key {absent[0]}")
    return value


def read_selected(path: Path) -> set[str]:
    """The ids of the selected trajectories."""
    try:
        return {json.loads(line)["trajectory_id"] for line in _present(path).read_text().splitlines()}
    except (json.JSONDecodeError, KeyError) as error:
        raise _broken(path, f"cannot be read ({error})") from None


# ---- what a task is


def talk(entry: dict) -> str:
    """How a task is told and answered: interaction, output, context; then reasoning and what is shown, if unusual."""
    told = {key: entry.get(key, usual) for key, usual in TALK.items()}
    odd = [f"{key} {told[key]}" for key in ("reasoning", "shown") if told[key] != TALK[key]]
    return ", ".join([told["interaction"], told["output"], told["context"], *odd])


def alike(tasks: dict[str, dict]) -> dict[str, str]:
    """Of each task (its entry) the first one that differs from it in nothing but TALK: maybe itself."""
    bare = {name: {key: value for key, value in entry.items() if key not in TALK} for name, entry in tasks.items()}
    return {name: next(other for other in bare if bare[other] == bare[name]) for name in tasks}


# ---- rows of episodes


@dataclass(frozen=True)
class Reader:
    """The results folder with its selection."""

    results: Path
    selection: Selection

    def label(self, model: str, task: str, method: str, seed: int) -> str:
        """A method's name with its constants, from what it did in its first selection."""
        first = cell(self.results, model, task, method, seed, 0) / "selection.json"
        done = read_json(first, "score", "k")
        also = [key if value is True else f"{key} {value}" for key, value in done.get("also", {}).items()]
        constants = [f"k={done['k']}", SCORES.get(done["score"], done["score"]), *also]
        return f"{method} ({', '.join(constants)})"

    def measures(self) -> dict[tuple[str, str], str]:
        """The name of the regret of every task under every suite."""
        named = (
            (task, suite, entry) for task, suites in self.selection.tasks.items() for suite, entry in suites.items()
        )
        return {(task, suite): regret_name(task_from_config(task, entry)) for task, suite, entry in named}

    def runs(self) -> Iterator[Run]:
        """Every repetition of every method on every task by every model."""
        return (Run(**run) for run in self.selection.runs)

    def episodes(self) -> pd.DataFrame:
        """One row per episode of every policy and baseline: the cell's columns, EPISODE, curve, the rates of failed and
        of renormalised answers, and ``change``: regret less that of the base policy in the same episode (NaN for
        baselines)."""
        read = cache(lambda path: read_rows(path, files.EVALUATION, [*EPISODE, "curve"]))
        frames = [self._run(read, run) for run in self.runs()]
        rivals = [(task, *rival) for task, named in self.selection.baselines.items() for rival in named.items()]
        for task, name, entry in rivals:
            rows = read(self.results / "baselines" / task / f"{name}.parquet")
            kind = "oracle" if isinstance(policy_from_config(candidates(entry)[0]), Oracle) else "baseline"
            where = {
                "model": "",
                "task": task,
                "kind": kind,
                "method": name,
                "label": self._baseline_label(task, name, entry),
            }
            frames.append(rows.assign(**where, seed="all", iteration=pd.NA, change=np.nan))
        table = pd.concat(frames, ignore_index=True)
        table["parse_failure_rate"] = table["parse_failures"] / table["curve"].map(len)
        table["renormalised_rate"] = table["renormalised"] / table["curve"].map(len)
        kinds = self.measures()
        table["measure"] = [kinds[at] for at in zip(table["task"], table["suite"], strict=True)]
        return table.astype({"iteration": "Int64", **dict.fromkeys(("suff_fail", "lucky"), int)})

    def _baseline_label(self, task: str, name: str, entry: dict) -> str:
        """A baseline's name with its constants, tuned where its entry says so."""
        path = self.results / "baselines" / task / f"{name}.json"
        return read_json(path, "label")["label"] if "tune" in entry else label(entry)

    def _run(self, read: Callable[[Path], pd.DataFrame], run: Run) -> pd.DataFrame:
        """The episodes of iterations 0..N of one method and seed; iteration 0 is the shared base policy."""
        frames = []
        for iteration in range(run.iterations + 1):
            method = run.method if iteration else "base"
            path = cell(self.results, run.model, run.task, method, run.seed, iteration)
            rows = read(path / "evaluation.parquet")
            frames.append(rows.assign(kind=run.kind, **self.columns(run), iteration=iteration))
        table = pd.concat(frames)
        base = frames[0].set_index(["suite", "episode"])["regret"]
        before = base.reindex(pd.MultiIndex.from_frame(table[["suite", "episode"]])).to_numpy()
        return table.assign(change=table["regret"].to_numpy() - before)

    def columns(self, run: Run) -> dict[str, str]:
        """The columns that name a run."""
        label = self.label(run.model, run.task, run.method, run.seed)
        return {"model": run.model, "task": run.task, "method": run.method, "label": label, "seed": str(run.seed)}

    def trajectories(self) -> pd.DataFrame:
        """One row per trajectory that a selection saw: both regrets, lucky, selected (0 or 1), per method and seed."""
        columns = ["trajectory_id", "scenario_id", "regret", "information_regret", "lucky"]
        read = cache(lambda path: read_rows(path, files.REGRET, columns))
        frames = []
        for run in self.runs():
            for iteration in range(run.iterations):
                own = cell(self.results, run.model, run.task, run.method, run.seed, iteration)
                scored = own if iteration else own.parents[2] / run.first / f"seed{run.seed}" / "iter0"
                rows = read(scored / "regret.parquet").sort_values("trajectory_id")
                chosen = rows["trajectory_id"].isin(read_selected(own / "selected.jsonl")).astype(int)
                where = {**self.columns(run), "iteration": iteration}
                frames.append(rows.assign(**where, selected=chosen, lucky=rows["lucky"].astype(int)))
        return pd.concat(frames, ignore_index=True)


# ---- tables


def _stream(where: dict, what: str) -> np.random.Generator:
    """The bootstrap's stream, named by its row; one for all methods at iteration 0, which is the same base policy."""
    shared = {"method": "base", "label": ""} if where["iteration"] is not pd.NA and where["iteration"] == 0 else {}
    return generator("tables", *map(str, {**where, **shared}.values()), what)


def _pools(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[dict, list[pd.DataFrame]]]:
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
    for where, parts in _pools(episodes, CELL):
        row = {**where, "episodes": len(parts[0]), "seeds": len(parts)}
        found = intervals([p[BOUNDED].to_numpy(float) for p in parts], rng=_stream(where, "summary"))
        for metric, values in zip(BOUNDED, found, strict=True):
            row |= dict(zip((metric, f"{metric}_low", f"{metric}_high"), values, strict=True))
        row |= {metric: np.mean([p[metric].mean() for p in parts]) for metric in MEANS}
        rows.append(row | {"horizon": len(parts[0]["curve"].iloc[0])})
    table, same = pd.DataFrame(rows), alike(tasks)
    return table.assign(talk=[talk(tasks[t]) for t in table["task"]], alike=table["task"].map(same))


def curves(episodes: pd.DataFrame) -> pd.DataFrame:
    """Mean cumulative regret at every step t = 1..T, with its 95% interval, for the rows of ``summary``."""
    frames = []
    for where, parts in _pools(episodes, CELL):
        stacks = [np.stack(p["curve"].to_numpy()) for p in parts]
        line = pd.DataFrame(intervals(stacks, rng=_stream(where, "curve")), columns=["regret", "low", "high"])
        frames.append(line.assign(**where, step=np.arange(1, len(line) + 1), episodes=len(parts[0])))
    order = [*CELL, "episodes", "step", "regret", "low", "high"]
    return pd.concat(frames, ignore_index=True)[order]


def selection_table(reader: Reader, trajectories: pd.DataFrame) -> pd.DataFrame:
    """What each selection kept, per method x seed (and pooled) x iteration: shares of lucky picks, mean regrets."""
    keys, rows = ["model", "task", "method", "label", "seed", "iteration"], []
    for where, parts in _pools(trajectories, keys):
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


def _median_interval(values: np.ndarray) -> tuple[float, float]:
    """A 95% interval of the median from order statistics (binomial, normal approximation)."""
    half = 0.98 / np.sqrt(len(values))
    low, high = np.quantile(values, [max(0.5 - half, 0), min(0.5 + half, 1)])
    return float(low), float(high)


def known_value(task: dict, policy: dict, statistic: str) -> float:
    """The published (or, for regret, beforehand computed) value on the hard instance; NaN where there is none."""
    if not all(task.get(key) == value for key, value in HARD.items()):
        return np.nan
    return next((known.get(statistic, np.nan) for entry, known in PUBLISHED if entry == policy), np.nan)


def calibration(reader: Reader) -> pd.DataFrame:
    """Statistics of every calibration baseline with 95% intervals, beside the known values."""
    s, rows = reader.selection, []
    for task, (name, entry) in product(s.calibration_tasks, s.calibration_baselines.items()):
        columns = ["regret", "reward", "suff_fail", "min_frac", "greedy_frac"]
        episodes = read_rows(reader.results / "baselines" / task / f"{name}.parquet", files.EVALUATION, columns)
        where = {"task": task, "baseline": name, "label": label(entry), "n": len(episodes)}
        for statistic in STATISTICS:
            found = _calibrated(episodes, statistic, s.calibration_tasks[task])
            if found is None:
                continue
            known = known_value(s.calibration_tasks[task], entry, statistic)
            values = dict(zip(("ours", "low", "high"), found, strict=True))
            target = int(known == known and (entry["policy"], statistic) != ("greedy", "median_reward"))
            rows.append({**where, "statistic": statistic, **values, "published": known, "target": target})
    columns = ["task", "baseline", "label", "statistic", "ours", "low", "high", "published", "target", "n"]
    return pd.DataFrame(rows, columns=columns)


def _calibrated(episodes: pd.DataFrame, statistic: str, task: dict) -> tuple[float, float, float] | None:
    """(value, low, high): a share with Wilson's interval, a mean with the normal one (there are thousands of episodes),
    or the median reward.

    None for a median reward where the task has no gap to rescale by.
    """
    if statistic != "median_reward":
        values = episodes[statistic].to_numpy(float)
        mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
        if statistic == "suff_fail":
            return mean, *_wilson(mean, len(values))
        return mean, mean - half, mean + half
    if task["means"]["kind"] != "gap":
        return None
    rewards = episodes["reward"].to_numpy()
    ends = [np.array([end]) for end in _median_interval(rewards)]
    return tuple(median_reward(values, task["means"]["gap"]) for values in (rewards, *ends))


def _wilson(share: float | pd.Series, n: int | pd.Series) -> tuple[float | pd.Series, float | pd.Series]:
    """Wilson's 95% interval of a share of n."""
    z2 = 1.96**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return centre - half, centre + half


def reading(reader: Reader) -> pd.DataFrame:
    """The reading test of every model that has one, with Wilson's intervals."""
    shares = ["best_empirical", "best_true"]
    columns = ["task", "steps_seen", "told", *shares, "chance", "n"]
    frames = [pd.DataFrame(columns=["model", *columns])]
    for model in reader.selection.models:
        path = reader.results / "models" / model / "reading.csv"
        if path.is_file():
            try:
                table = pd.read_csv(path)
            except ValueError as error:
                raise _broken(path, f"cannot be read ({error})") from None
            if absent := [c for c in columns if c not in table]:
                raise _broken(path, f"lacks the column {absent[0]}")
            frames.append(table[columns].assign(model=model)[["model", *columns]])
    table = pd.concat(frames[1:] or frames, ignore_index=True)
    for share in shares:
        table[f"{share}_low"], table[f"{share}_high"] = _wilson(table[share], table["n"])
    return table


def learning_curves(reader: Reader) -> pd.DataFrame:
    """Losses: of pretraining against tokens, of every SFT against epochs; one row per point and split."""
    rows = []
    for model in reader.selection.models:
        path = reader.results / "models" / model / "pretrain.json"
        if path.is_file():
            for point in read_json(path, "curve")["curve"]:
                where = {"stage": "pretrain", "model": model, "split": "train"}
                rows.append({**where, "unit": "tokens", "x": point["tokens"], "loss": point["loss"]})
    trained = [(run, t) for run in reader.runs() for t in range(1, run.iterations + 1)]
    for run, t in trained:
        stage = "sft" if run.kind == "policy" else "sft of numbers"
        where = {"stage": stage, "unit": "epochs", **reader.columns(run), "seed": run.seed, "iteration": t}
        path = cell(reader.results, run.model, run.task, run.method, run.seed, t) / "sft.json"
        for point in read_json(path, "curve")["curve"]:
            for split in ("train", "validation"):
                if point.get(f"{split}_loss") is not None:
                    rows.append({**where, "split": split, "x": point["epoch"], "loss": point[f"{split}_loss"]})
    columns = ["stage", "model", "task", "method", "label", "seed", "iteration", "split", "unit", "x", "loss"]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64", "iteration": "Int64"})


def cells(episodes: pd.DataFrame, trajectories: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: what was evaluated, rolled out, selected, sampled, and how often parsing failed."""
    keys = ["model", "task", "method", "seed", "iteration"]
    own = episodes[episodes["kind"] != "baseline"].groupby(keys, sort=False)
    table = own.agg(
        episodes=("episode", "size"),
        tokens_sampled=("tokens_sampled", "sum"),
        parse_failure_rate=("parse_failure_rate", "mean"),
    ).reset_index()
    chosen = trajectories.groupby(keys)["selected"].agg(trajectories="size", selected="sum").reset_index()
    return table.merge(chosen, on=keys, how="left").astype({"trajectories": "Int64", "selected": "Int64"})


def build(reader: Reader) -> dict[str, pd.DataFrame]:
    """Every table by its name."""
    episodes, trajectories = reader.episodes(), reader.trajectories()
    last = trajectories.groupby(["model", "task", "method"])["iteration"].transform("max")
    ends = trajectories[trajectories["iteration"].isin([0]) | (trajectories["iteration"] == last)]
    tasks = {name: suites["in-distribution"] for name, suites in reader.selection.tasks.items()}
    kinds = reader.measures()
    ends = ends.assign(measure=[kinds[task, "in-distribution"] for task in ends["task"]])
    identity = ["model", "task", "kind", "method", "seed", "iteration"]
    seen = ["model", "task", "method", "label", "seed", "iteration", "scenario_id", "trajectory_id"]
    words = [run.model for run in reader.runs() if run.kind == "policy"]
    ends = ends[ends["model"].isin(words)]
    return {
        "evaluation": episodes[[*identity, *EPISODE]],
        "curves": curves(episodes),
        "summary": summary(episodes, tasks),
        "selection": selection_table(reader, trajectories),
        "selected_regret": ends[[*seen, "measure", "regret", "information_regret", "lucky", "selected"]],
        "calibration": calibration(reader),
        "reading": reading(reader),
        "learning_curves": learning_curves(reader),
        "cells": cells(episodes, trajectories),
    }


def work(args: argparse.Namespace) -> None:
    """Build every table, then write them all."""
    tables = build(Reader(args.results, selection_from_json(args.selection)))
    for name, table in tables.items():
        text = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        files.write_text(args.output / f"{name}.csv", text)
    experiment = json.dumps(json.loads(args.selection), indent=1, sort_keys=True)
    files.write_text(args.output / "experiment.json", experiment + "\n")


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="tables", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="the results folder")
    parser.add_argument("--selection", required=True, help="JSON: the models, tasks, methods, seeds... to gather")
    parser.add_argument("--output", type=Path, required=True, help="the folder of the CSV files")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
