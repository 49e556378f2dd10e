"""Made tables in which every claim is reproduced, and the experiment that they are of."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rmft.core.seeding import generator

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import judged

EPISODES, SEEDS = 200, ("0", "1")
MAB = {
    "environment": "mab",
    "arms": 3,
    "horizon": 20,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}
MOVING = MAB | {"environment": "ns-mab", "drift": {"kind": "abrupt", "hazard": 0.05}}
TASKS = {
    "mab": MAB,
    "fol": MAB | {"environment": "fol"},
    "ns": MOVING,
    "mab-summary": MAB | {"interaction": "summary"},
    "mab-shares": MAB | {"output": "distribution"},
    "numbers-fol": MAB | {"environment": "fol", "arms": 2},
}
METHODS = {
    "rmft": {"score": "regret"},
    "rmft-information": {"score": "information_regret"},
    "rmft-once": {"score": "regret"},
    "reward-k": {"score": "reward"},
    "rmft-answers": {"score": "regret"},
}
BASELINES = ["ftrl-l2-tuned", "hedge-tuned"]
EXPERIMENT = {
    "models": {
        "words": {"kind": "words", "plays": [name for name in TASKS if name != "numbers-fol"], "large": False},
        "net": {"kind": "numbers", "plays": ["numbers-fol"], "large": False},
        "huge": {"kind": "words", "plays": ["mab"], "large": True},
    },
    "tasks": TASKS,
    "suites": {name: [] for name in TASKS} | {"mab": ["sine", "horizon-2x"]},
    "methods": METHODS,
    "baselines": BASELINES,
    "run": {
        "models": ["words"],
        "tasks": ["mab", "fol", "ns"],
        "methods": list(METHODS),
        "baselines": BASELINES,
        "suites": {},
        "instead": {"fol": {"methods": ["rmft"]}},
        "numbers": {"models": ["net"], "tasks": ["numbers-fol"], "methods": ["rmft"], "baselines": BASELINES},
    },
}
# Of each method after training: regret over the base policy's, SuffFailFreq (base: 0.4), K x MinFrac (base: 0.2).
AFTER = {
    "rmft": (0.6, 0.2, 0.4),
    "rmft-information": (0.5, 0.1, 0.4),
    "rmft-once": (0.8, 0.4, 0.2),
    "reward-k": (0.9, 0.4, 0.2),
    "rmft-answers": (1.0, 0.4, 0.2),
}


def _policy(model: str, task: str, method: str, suite: str, regret: float) -> list[pd.DataFrame]:
    """Episodes of iterations 0 and 2 of each seed; the same scenarios for all."""
    base = generator("made", task, suite).exponential(regret, EPISODES)
    ratio, fail, share = AFTER[method]
    frames = []
    for seed in SEEDS:
        for iteration, (factor, failing, least) in {0: (1.0, 0.4, 0.2), 2: (ratio, fail, share)}.items():
            noise = generator("made", model, task, method, suite, seed, iteration)
            columns = {
                "episode": np.arange(EPISODES),
                "regret": factor * base * noise.uniform(0.9, 1.1, EPISODES),
                "suff_fail": (noise.random(EPISODES) < failing).astype(int),
                "min_frac": noise.normal(least, 0.05, EPISODES),
            }
            where = {
                "model": model,
                "task": task,
                "method": method,
                "suite": suite,
                "seed": seed,
                "iteration": iteration,
            }
            frames.append(pd.DataFrame(columns).assign(**where, kind="numeric" if model == "net" else "policy"))
    return frames


def _baseline(name: str, factor: float) -> pd.DataFrame:
    base = generator("made", "numbers-fol", "in-distribution").exponential(3.0, EPISODES)
    where = {"model": "", "task": "numbers-fol", "kind": "baseline", "method": name, "suite": "in-distribution"}
    rows = pd.DataFrame({"episode": np.arange(EPISODES), "regret": factor * base, "suff_fail": 0, "min_frac": 0.1})
    return rows.assign(**where, seed="all", iteration=pd.NA)


def tables() -> dict[str, pd.DataFrame]:
    """Every table that claims read."""
    frames = []
    for task in ("mab", "fol", "ns"):
        for method in AFTER:
            frames += _policy("words", task, method, "in-distribution", 3.0)
    frames += [f for s in ("sine", "horizon-2x") for f in _policy("words", "mab", "rmft", s, 5.0)]
    frames += [f for t in ("mab-summary", "mab-shares") for f in _policy("words", t, "rmft", "in-distribution", 6.0)]
    frames += _policy("net", "numbers-fol", "rmft", "in-distribution", 3.0)
    frames += [_baseline("ftrl-l2-tuned", 0.7), _baseline("hedge-tuned", 0.58)]
    evaluation = pd.concat(frames, ignore_index=True).astype({"iteration": "Int64"})
    where = [
        {"model": "words", "task": task, "method": "rmft", "suite": "in-distribution", "seed": seed, "iteration": 2}
        for task in ("mab", "fol", "ns")
        for seed in (*SEEDS, "all")
    ]
    growth = pd.DataFrame(where).assign(
        episodes=EPISODES, beta=0.6, beta_low=0.5, beta_high=0.7, p_reg=1e-9, p_sublinear=1e-9
    )
    growth = growth.assign(change=-0.3, change_low=-0.4, change_high=-0.2, p_change=1e-9)
    reasoning = pd.DataFrame(where).assign(
        episodes=EPISODES,
        change_aligned_all=0.2,
        change_aligned_all_low=0.1,
        change_aligned_all_high=0.3,
        p_change_aligned_all=1e-9,
    )
    chosen = [{k: v for k, v in row.items() if k != "suite"} | {"iteration": 0} for row in where]
    selection = pd.DataFrame(chosen).assign(selected=EPISODES, lucky_all=0.2)
    selection = selection.assign(lucky_selected=0.6, lucky_selected_low=0.5, lucky_selected_high=0.7)
    runs = pd.DataFrame({"seed": np.repeat(["0", "1"], 48), "d": np.arange(96)})
    regret = runs.assign(ftrl=10.0, difference=0.001, difference_low=-0.005, difference_high=0.006, episodes=1024)
    return {
        "evaluation": evaluation,
        "growth": growth,
        "reasoning": reasoning,
        "selection": selection,
        "theorem": runs.assign(relative_error=np.linspace(0.001, 0.018, 96)),
        "theorem_regret": regret,
    }


def write(folder: Path, made: dict[str, pd.DataFrame]) -> list[str]:
    """The flags of the stage, for the tables written as CSV files."""
    for name, table in made.items():
        judged.whole(name, table).to_csv(folder / f"{name}.csv", index=False)
    paths = [str(folder / f"{name}.csv") for name in made]
    out = ["--output", str(folder / "claims.json"), str(folder / "claims.md")]
    return ["--tables", *paths, "--experiment", json.dumps(EXPERIMENT), *out]
