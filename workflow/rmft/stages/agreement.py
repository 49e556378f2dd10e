"""What files of a cell must agree on: each can be read by itself, and be of another run or lack an episode all the same."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.trajectory import Play


def check_episodes(table: pa.Table, path: Path) -> None:
    """Raises ValueError, naming the row or scenario, where an episode stands twice or is missing. Scenarios are numbered
    from 0, and each is played equally often; a table that lacks its last scenarios cannot be told from a shorter run."""
    ids, scenarios = table["trajectory_id"].to_pylist(), Counter(table["scenario_id"].to_pylist())
    mend = "delete it and roll out again"
    if len(set(ids)) != len(ids):
        row = next(i for i, name in enumerate(ids) if name in ids[:i])
        raise ValueError(f"{path}: row {row}, column trajectory_id: {ids[row]} stands twice; {mend}")
    most = max(scenarios.values())
    if short := [name for name, played in scenarios.items() if played < most]:
        raise ValueError(f"{path}: scenario {short[0]} has {scenarios[short[0]]} episodes, others {most}; {mend}")
    numbers = sorted(int(name.rpartition("-")[2]) for name in scenarios)
    if missing := set(range(len(numbers))) - set(numbers):
        raise ValueError(f"{path}: scenario {min(missing)} is missing, of {numbers[-1] + 1}; {mend}")


def check_regrets(regret: pa.Table, play: Play, path: Path, trajectories: Path) -> None:
    """Raises ValueError where regrets (regret.parquet) are not those of the trajectories that were played."""
    rewards, curves = play.rewards.mean(axis=1), regret["curve"].to_pylist()
    agrees = np.isclose(regret["reward"].to_numpy(), rewards, rtol=1e-9, atol=1e-12)
    agrees &= np.array([len(curve) == play.actions.shape[1] for curve in curves])
    agrees &= np.array([curve[-1:] == [last] for curve, last in zip(curves, regret["regret"].to_pylist(), strict=True)])
    if not agrees.all():
        row = int(np.flatnonzero(~agrees)[0])
        raise ValueError(f"{path}: row {row}: reward, regret or curve are not those of {trajectories}; delete it")
