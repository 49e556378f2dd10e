"""A small made-up results folder of the real layout, for the tests of tables, figures and the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rmft.core import metrics
from rmft.stages import files

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
METHODS = {"rmft": "regret", "rmft-information": "information_regret", "random-k": "random"}


def selection(iterations: int = 3, seeds: tuple[int, ...] = (0, 1)) -> dict:
    """The ``--selection`` argument of the made-up experiment."""
    return {
        "models": ["tiny"],
        "tasks": ["mab-gaussian"],
        "calibration_tasks": ["mab-bernoulli-hard"],
        "methods": list(METHODS),
        "seeds": list(seeds),
        "iterations": iterations,
        "baselines": BASELINES,
        "calibration_baselines": CALIBRATION,
        "task_entries": {"mab-gaussian": SOFT, "mab-bernoulli-hard": HARD},
    }


def play(rng: np.random.Generator, episodes: int, explore: float, lock: float, task: dict = SOFT) -> pd.DataFrame:
    """Episodes of a player who locks in on an arm with probability ``lock``, else explores at rate ``explore``."""
    arms, steps, rows = task["arms"], task["horizon"], np.arange(episodes)
    if task["means"]["kind"] == "gap":
        means = np.full((episodes, arms), 0.4)
        means[rows, rng.integers(arms, size=episodes)] = 0.6
    else:
        means = rng.uniform(0.1, 0.9, (episodes, arms))
    locked, own = rng.random(episodes) < lock, rng.integers(arms, size=episodes)
    counts, sums = np.zeros((2, episodes, arms))
    actions, rewards = np.zeros((episodes, steps), int), np.zeros((episodes, steps))
    for t in range(steps):
        average = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)
        arm = np.where(rng.random(episodes) < explore, rng.integers(arms, size=episodes), average.argmax(1))
        arm = np.where(locked, own, arm)
        reward = means[rows, arm] + 0.1 * rng.standard_normal(episodes)
        counts[rows, arm] += 1
        sums[rows, arm] += reward
        actions[:, t], rewards[:, t] = arm, reward
    curve = (means.max(1)[:, None] - np.take_along_axis(means, actions, 1)).cumsum(1)
    best = means.argmax(1)
    tried = metrics.coverage(actions, arms)
    return pd.DataFrame(
        {
            "suite": "in-distribution",
            "episode": rows,
            "scenario_id": [f"heldout-{i}" for i in rows],
            "regret": curve[:, -1],
            "information_regret": curve[:, -1] * 0.7 + 0.9 * (1 - tried) * steps / 4,
            "reward": rewards.mean(1),
            "curve": list(curve),
            "suff_fail": metrics.suff_fail(actions, best, steps // 2),
            "min_frac": metrics.min_frac(actions, arms, steps),
            "greedy_frac": metrics.greedy_frac(actions, rewards, arms),
            "coverage": tried,
            "lucky": (tried < 1) & (counts.argmax(1) == best),
            "parse_failures": rng.binomial(steps, 0.004, episodes),
            "tokens_sampled": rng.integers(180, 320, episodes),
        }
    )


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
    record = {"score": METHODS[method], "k": k, "suff_fail_selected": 0.3}
    (folder / "selection.json").write_text(json.dumps(record))


def _rollout(rng: np.random.Generator, scenarios: int, per: int, explore: float, lock: float) -> pd.DataFrame:
    rows = play(rng, scenarios * per, explore, lock)
    ids = [f"train-{i // per}-{i % per}" for i in range(len(rows))]
    rows = rows.assign(trajectory_id=ids, scenario_id=[f"train-{i // per}" for i in range(len(rows))], eligible=True)
    columns = ["trajectory_id", "scenario_id", "regret", "information_regret", "reward", "curve", "lucky", "eligible"]
    return rows[columns]


def write_results(root: Path, episodes: int = 96, scenarios: int = 12, per: int = 8, iterations: int = 3) -> Path:
    """Write results/ under ``root`` and return it."""
    results, rng = root / "results", np.random.default_rng(7)
    drift = {"rmft": (-0.02, 0.06), "rmft-information": (-0.04, -0.07), "random-k": (0.0, 0.0)}
    for seed in (0, 1):
        at = results / "cells" / "tiny" / "mab-gaussian"
        base = at / "base" / f"seed{seed}" / "iter0"
        _keep(base / "evaluation.parquet", play(rng, episodes, 0.35, 0.4))
        scored = _rollout(rng, scenarios, per, 0.35, 0.4)
        _keep(base / "regret.parquet", scored)
        for method, (explore, lock) in drift.items():
            for t in range(iterations + 1):
                here = at / method / f"seed{seed}" / f"iter{t}"
                now = (max(0.35 + explore * t * 2, 0.02), min(max(0.4 + lock * t, 0.03), 0.9))
                if t:
                    _keep(here / "evaluation.parquet", play(rng, episodes, *now))
                    curve = [
                        {"epoch": e, "train_loss": 1.1 * 0.9**e, "validation_loss": 1.12 * 0.91**e} for e in range(1, 5)
                    ]
                    (here / "sft.json").write_text(json.dumps({"curve": curve}))
                if t < iterations:
                    rows = _rollout(rng, scenarios, per, *now) if t else scored
                    if t:
                        _keep(here / "regret.parquet", rows)
                    _select(here, rows, method, rng)
    _players(results, rng, episodes)
    _keep_text(results / "benchmarks" / "rollout" / "tiny.tsv", "s\th:m:s\tmax_rss\n12.5\t0:00:12\t812.0\n")
    _model(results / "models" / "tiny")
    return results


def _players(results: Path, rng: np.random.Generator, episodes: int) -> None:
    for task, entry, names in (("mab-gaussian", SOFT, BASELINES), ("mab-bernoulli-hard", HARD, CALIBRATION)):
        for i, name in enumerate(names):
            explore = 1.0 if name == "random" else 0.03 * i
            _keep(results / "baselines" / task / f"{name}.parquet", play(rng, episodes, explore, 0.0, entry))


def _model(folder: Path) -> None:
    folder.mkdir(parents=True)
    curve = [{"tokens": 50_000 * i, "loss": 0.9 + 3 * np.exp(-i / 8)} for i in range(1, 60)]
    (folder / "pretrain.json").write_text(json.dumps({"curve": curve}))
    rows = [
        (seen, told, 0.35 + (0.6 if told == "exploit" else 0.25) * (1 - np.exp(-seen / 3)), 1 / 3, 500)
        for told in ("exploit", "nothing")
        for seen in (1, 3, 6, 12, 19)
    ]
    table = pd.DataFrame(rows, columns=["steps_seen", "told", "best_empirical", "chance", "n"])
    table.assign(best_true=table["best_empirical"] * 0.9).to_csv(folder / "reading.csv", index=False)
