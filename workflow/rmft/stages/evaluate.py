"""Regret and exploration of every held-out episode of a policy."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.information import known_regret
from rmft.core.metrics import coverage, greedy_frac, min_frac, suff_fail
from rmft.core.regret import best_arm, regret_curve
from rmft.core.selection import lucky
from rmft.core.tasks import Task
from rmft.core.trajectory import Play
from rmft.stages import files, program


def measured(task: Task, play: Play) -> dict[str, object]:
    """The columns of evaluation.parquet that what was played settles."""
    curve, actions, half = regret_curve(task.environment, play), play.actions, play.actions.shape[1] // 2
    return {
        "regret": curve[:, -1],
        "information_regret": known_regret(task, play),
        "reward": play.rewards.mean(axis=1),
        "curve": list(curve),
        "suff_fail": suff_fail(actions, best_arm(play.means, half), half),
        "min_frac": min_frac(actions, task.arms, actions.shape[1]),
        "greedy_frac": greedy_frac(actions, play.rewards, task.arms),
        "coverage": coverage(actions, task.arms),
        "lucky": lucky(actions, best_arm(play.means, 0), task.arms) & (task.environment != "fol"),  # all is shown there
    }


def work(args: Namespace) -> None:
    """Measure the episodes of heldout.parquet."""
    task, table = program.task(args.task), files.read_table(args.heldout, files.HELDOUT)
    files.check_task(table, args.heldout, args.task)
    failures = [sum(status != "ok" for status in row) for row in table["parse_status"].to_pylist()]
    columns = {
        "suite": table["suite"],
        "episode": np.arange(table.num_rows, dtype=np.int32),
        "scenario_id": table["scenario_id"],
        **measured(task, Play(*files.arrays(table, args.heldout))),
        "parse_failures": np.array(failures, np.int32),
        "tokens_sampled": table["tokens_sampled"],
    }
    files.write_table(args.output, pa.table(columns, schema=files.EVALUATION))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("evaluate", description=__doc__)
    parser.add_argument("--heldout", required=True, type=Path, help="heldout.parquet")
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--output", required=True, type=Path, help="evaluation.parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
