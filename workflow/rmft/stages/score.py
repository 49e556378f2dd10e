"""The regret of every trajectory, by the oracle that knows the arm means and by what could be known."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.information import known_regret
from rmft.core.metrics import diversity
from rmft.core.regret import regret_curve
from rmft.core.selection import lucky
from rmft.core.trajectory import COMPLETE
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes


def work(args: Namespace) -> None:
    """Score the trajectories. One is eligible for selection when it is complete and every reply of it was read."""
    task, table = program.task(args.task), files.read_table(args.trajectories, files.TRAJECTORIES)
    files.check_task(table, args.trajectories, args.task)
    check_episodes(table, args.trajectories)
    play = files.plays(table, args.trajectories)
    curve = regret_curve(task.environment, play)
    read = [not {"fallback", "refused", "empty", "none"} & set(status) for status in table["parse_status"].to_pylist()]
    columns = {
        "trajectory_id": table["trajectory_id"],
        "scenario_id": table["scenario_id"],
        "regret": curve[:, -1],
        "information_regret": known_regret(task, play),
        "reward": play.rewards.mean(axis=1),
        "curve": list(curve),
        "lucky": lucky(task.environment, play),
        "diversity": diversity(play.pi, table["scenario_id"].to_pylist()),
        "eligible": np.array(read) & (table["status"].to_numpy() == COMPLETE),
    }
    files.write_table(args.output, pa.table(columns, schema=files.REGRET))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("score", description=__doc__)
    parser.add_argument("--trajectories", required=True, type=Path, help="trajectories.parquet")
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--output", required=True, type=Path, help="regret.parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
