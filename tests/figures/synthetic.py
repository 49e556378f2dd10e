"""A small made-up results folder of the real layout, for the tests of tables, figures and the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from player import play

from rmft.stages import files, tables

ARMS, HORIZON = 3, 20
HARD = {
    "environment": "mab",
    "arms": 5,
    "horizon": 100,
    "means": {"kind": "gap", "gap": 0.2},
    "rewards": {"kind": "bernoulli"},
    "context": "buttons",
}
SOFT = {
    "environment": "mab",
    "arms": ARMS,
    "horizon": HORIZON,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}
BASELINES = {
    "random": {"policy": "random"},
    "greedy": {"policy": "greedy"},
    "eps-greedy": {"policy": "eps_greedy", "epsilon": 0.1},
    "explore-then-commit": {"policy": "explore_then_commit", "pulls": 1},
    "ucb": {"policy": "ucb", "constant": 1.0, "growth": "none"},
    "ucb-half-log": {"policy": "ucb", "constant": 0.5, "growth": "log"},
    "ucb1": {"policy": "ucb", "constant": 2.0, "growth": "log"},
    "thompson-gaussian": {"policy": "thompson_gaussian", "noise": 0.1, "prior_mean": 0.5, "prior_sd": 0.23},
    "exp3": {"policy": "exp3", "gamma": 0.216},
}
CALIBRATION = {name: BASELINES[name] for name in ("random", "greedy", "ucb", "ucb-half-log", "ucb1", "exp3")}
CALIBRATION |= {"thompson-bernoulli": {"policy": "thompson_bernoulli"}}
ONLINE = {"random": BASELINES["random"], "hedge": {"policy": "hedge", "eta": 0.66}}
ORACLE = {"best-fixed-arm": {"policy": "best_fixed_arm"}}
METHODS = {"rmft": "regret", "rmft-information": "information_regret", "random-k": "random", "rmft-once": "regret"}
SINE = {"kind": "sine", "amplitude": 0.2, "period": 10}
MOVING = SOFT | {"environment": "ns-mab", "drift": SINE}
TASKS = {  # of each task its entry under every suite
    "mab-gaussian": {"in-distribution": SOFT, "horizon-2x": SOFT | {"horizon": 2 * HORIZON}, "sine": MOVING},
    "fol-gaussian": {"in-distribution": SOFT | {"environment": "fol"}},
    "ns-sine": {"in-distribution": MOVING},  # nobody knows its information regret
}
RIVALS = {"mab-gaussian": BASELINES, "fol-gaussian": ONLINE | ORACLE, "ns-sine": {}}


def runs(iterations: int = 3) -> list[dict]:
    """Every method and seed on the first task, one of them with one iteration and rollouts of its own; less on others."""
    fewer = max(1, iterations - 1)
    grid = [("mab-gaussian", method, seed, iterations) for method in METHODS for seed in (0, 1)]
    grid += [("fol-gaussian", method, 0, fewer) for method in ("rmft", "random-k")] + [("ns-sine", "rmft", 0, 1)]
    return [
        {
            "model": "tiny",
            "task": task,
            "method": method,
            "seed": seed,
            "iterations": 1 if method == "rmft-once" else number,
            "first": method if method == "rmft-once" else "base",
        }
        for task, method, seed, number in grid
    ]


LOSSES = [{"epoch": e, "train_loss": 1.1 * 0.9**e, "validation_loss": 1.12 * 0.91**e} for e in range(1, 5)]


def selection(iterations: int = 3) -> dict:
    """The ``--selection`` argument of the made-up experiment."""
    return {
        "models": ["tiny"],
        "tasks": TASKS,
        "runs": runs(iterations),
        "baselines": RIVALS,
        "calibration_tasks": {"mab-bernoulli-hard": HARD},
        "calibration_baselines": CALIBRATION,
    }


def judge(rng: np.random.Generator, episodes: int, explore: float, lock: float, task: str) -> pd.DataFrame:
    """The same player's held-out episodes of a task, suite by suite."""
    return pd.concat([play(rng, episodes, explore, lock, entry, name) for name, entry in TASKS[task].items()])


def _keep(path: Path, table: pd.DataFrame) -> None:
    schema = files.REGRET if path.name == "regret.parquet" else files.EVALUATION
    files.write_table(path, pa.Table.from_pandas(table, schema=schema, preserve_index=False))


def _keep_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def _select(folder: Path, scored: pd.DataFrame, method: str, rng: np.random.Generator, k: int = 2) -> None:
    """selected.jsonl and selection.json by a method's own score."""
    score = scored.get(METHODS[method], pd.Series(rng.random(len(scored))))
    kept = scored.loc[score.groupby(scored["scenario_id"]).nsmallest(k).index.get_level_values(1)]
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"messages": [], "trajectory_id": t, "regret": 0.0}) for t in kept["trajectory_id"]]
    (folder / "selected.jsonl").write_text("\n".join(lines) + "\n")
    record = {"score": METHODS[method], "k": k, "also": {}, "suff_fail_selected": 0.3}
    (folder / "selection.json").write_text(json.dumps(record))


def _rollout(
    rng: np.random.Generator, scenarios: int, per: int, explore: float, lock: float, task: str
) -> pd.DataFrame:
    rows = play(rng, scenarios * per, explore, lock, TASKS[task]["in-distribution"])
    ids = [f"train-{i // per}-{i % per}" for i in range(len(rows))]
    rows = rows.assign(trajectory_id=ids, scenario_id=[f"train-{i // per}" for i in range(len(rows))], eligible=True)
    return rows.assign(diversity=0.6 * rows["entropy"])[files.REGRET.names]


def write_results(root: Path, episodes: int = 96, scenarios: int = 12, per: int = 8, iterations: int = 3) -> Path:
    """Write results/ under ``root`` and return it."""
    results, rng = root / "results", np.random.default_rng(7)
    drift = {"rmft": (-0.02, 0.06), "rmft-information": (-0.04, -0.07), "random-k": (0.0, 0.0), "rmft-once": (0.0, 0.1)}
    for run in runs(iterations):
        at, seed = results / "cells" / "tiny" / run["task"], f"seed{run['seed']}"
        base = at / "base" / seed / "iter0"
        if not base.exists():
            _keep(base / "evaluation.parquet", judge(rng, episodes, 0.35, 0.4, run["task"]))
            _keep(base / "regret.parquet", _rollout(rng, scenarios, per, 0.35, 0.4, run["task"]))
        if run["first"] != "base":  # more of the base policy, for a method of one iteration
            more = _rollout(rng, scenarios * iterations, per, 0.35, 0.4, run["task"])
            _keep(at / run["first"] / seed / "iter0" / "regret.parquet", more)
        explore, lock = drift[run["method"]]
        for t in range(run["iterations"] + 1):
            here = at / run["method"] / seed / f"iter{t}"
            now = (max(0.35 + explore * t * 2, 0.02), min(max(0.4 + lock * t, 0.03), 0.9))
            if t:
                _keep(here / "evaluation.parquet", judge(rng, episodes, *now, run["task"]))
                (here / "sft.json").write_text(json.dumps({"curve": LOSSES}))
            if t < run["iterations"]:
                if t:
                    _keep(here / "regret.parquet", _rollout(rng, scenarios, per, *now, run["task"]))
                scored = pd.read_parquet((here if t else at / run["first"] / seed / "iter0") / "regret.parquet")
                _select(here, scored, run["method"], rng)
    _players(results, rng, episodes)
    _keep_text(results / "benchmarks" / "rollout" / "tiny.tsv", "s\th:m:s\tmax_rss\n12.5\t0:00:12\t812.0\n")
    _model(results / "models" / "tiny")
    return results


def _players(results: Path, rng: np.random.Generator, episodes: int) -> None:
    for task, names in RIVALS.items():
        for i, name in enumerate(names):
            explore = 1.0 if name == "random" else 0.03 * i
            rows = judge(rng, episodes, explore, 0.0, task)
            if name in ORACLE:
                rows = rows.assign(regret=0.0, curve=[np.zeros(len(curve)) for curve in rows["curve"]])
            _keep(results / "baselines" / task / f"{name}.parquet", rows)
    for i, name in enumerate(CALIBRATION):
        rows = play(rng, episodes, 1.0 if name == "random" else 0.03 * i, 0.0, HARD)
        _keep(results / "baselines" / "mab-bernoulli-hard" / f"{name}.parquet", rows)


def _model(folder: Path) -> None:
    folder.mkdir(parents=True)
    curve = [{"tokens": 50_000 * i, "loss": 0.9 + 3 * np.exp(-i / 8)} for i in range(1, 60)]
    (folder / "pretrain.json").write_text(json.dumps({"curve": curve}))
    rows = [
        (task, seen, told, 0.35 + (0.6 if told == "exploit" else 0.25) * (1 - np.exp(-seen / 3)), 1 / 3, 500)
        for task in ("mab-gaussian", "fol-gaussian")
        for told in ("exploit", "nothing")
        for seen in (1, 3, 6, 12, 19)
    ]
    table = pd.DataFrame(rows, columns=["task", "steps_seen", "told", "best_empirical", "chance", "n"])
    table.assign(best_true=table["best_empirical"] * 0.9).to_csv(folder / "reading.csv", index=False)


def write_tables(results: Path, iterations: int) -> Path:
    """The tables of made-up results, by their stage."""
    chosen, folder = json.dumps(selection(iterations=iterations)), results / "tables"
    assert tables.main(["--results", str(results), "--selection", chosen, "--output", str(folder)]) == 0
    return folder
