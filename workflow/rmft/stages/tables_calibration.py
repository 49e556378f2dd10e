"""Baselines beside what is published of them."""

from itertools import product

import numpy as np
import pandas as pd

from rmft.core.metrics import median_reward
from rmft.core.policies import label
from rmft.core.statistics import wilson
from rmft.stages import files
from rmft.stages.experiment import gap
from rmft.stages.results import Reader, read_rows

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

    None for a median reward where the task has none.
    """
    if statistic != "median_reward":
        values = episodes[statistic].to_numpy(float)
        mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
        if statistic == "suff_fail":
            return mean, *wilson(mean, len(values))
        return mean, mean - half, mean + half
    if (apart := gap(task)) is None:
        return None
    rewards = episodes["reward"].to_numpy()
    ends = [np.array([end]) for end in _median_interval(rewards)]
    return tuple(median_reward(values, apart) for values in (rewards, *ends))
