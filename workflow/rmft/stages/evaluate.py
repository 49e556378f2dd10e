"""Regret and exploration of every held-out episode of a policy."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute

from rmft.core.information import known_regret
from rmft.core.metrics import (
    action_entropy,
    coverage,
    greedy_frac,
    min_frac,
    policy_entropy,
    suff_fail,
    suff_fail_curve,
)
from rmft.core.regret import best_arm, regret_curve, variation
from rmft.core.selection import lucky
from rmft.core.tasks import Task
from rmft.core.trajectory import Play
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes


def measured(task: Task, play: Play) -> dict[str, object]:
    """The columns of evaluation.parquet that a play settles. The best arm is that of the second half of the episode, and
    at t in ``suff_fail_curve`` that of the steps after t. policy_entropy: NaN where pi_t is not known."""
    actions, half = play.actions, task.horizon // 2
    curve = regret_curve(task.environment, play)
    best = np.stack([best_arm(play.means, t) for t in range(task.horizon)], axis=1)
    known = play.policies is not None
    return {
        "regret": curve[:, -1],
        "information_regret": known_regret(task, play),
        "reward": play.rewards.mean(axis=1),
        "curve": list(curve),
        "suff_fail": suff_fail(actions, best[:, half], half),
        "suff_fail_curve": list(suff_fail_curve(actions, best)),
        "min_frac": min_frac(actions, task.arms, task.horizon),
        "greedy_frac": greedy_frac(actions, play.rewards, task.arms),
        "coverage": coverage(actions, task.arms),
        "entropy": action_entropy(play.pi),
        "policy_entropy": policy_entropy(play.policies) if known else np.full(len(actions), np.nan),
        "lucky": lucky(task.environment, play),
        "variation": variation(play.means),
    }


def work(args: Namespace) -> None:
    """Measure the episodes of heldout.parquet, suite by suite."""
    table, parts = files.read_table(args.heldout, files.HELDOUT), []
    for suite, entry in program.suites(args.task, args.suites).items():
        rows = table.filter(pa.compute.equal(table["suite"], suite))
        if not rows.num_rows:
            raise ValueError(f"{args.heldout}: holds no episode of the suite {suite}; delete it and roll out again")
        files.check_task(rows, args.heldout, entry)
        check_episodes(rows, args.heldout)
        statuses = rows["parse_status"].to_pylist()
        columns = {
            "suite": rows["suite"],
            "episode": np.arange(rows.num_rows, dtype=np.int32),
            "scenario_id": rows["scenario_id"],
            **measured(program.task(entry), files.plays(rows, args.heldout)),
            "parse_failures": np.array(
                [sum(s not in ("ok", "renormalised") for s in row) for row in statuses], np.int32
            ),
            "renormalised": np.array([row.count("renormalised") for row in statuses], np.int32),
            "tokens_prompt": rows["tokens_prompt"],
            "tokens_sampled": rows["tokens_sampled"],
        }
        parts.append(pa.table(columns, schema=files.EVALUATION))
    files.write_table(args.output, pa.concat_tables(parts))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("evaluate", description=__doc__)
    parser.add_argument("--heldout", required=True, type=Path, help="heldout.parquet")
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--suites", help="what else was played: suites with their changes of the task, JSON")
    parser.add_argument("--output", required=True, type=Path, help="evaluation.parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
