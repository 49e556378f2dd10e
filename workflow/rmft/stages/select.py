"""Keep the k trajectories of the lowest score in every scenario, as chat messages that any trainer reads."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.metrics import suff_fail
from rmft.core.regret import best_arm
from rmft.core.selection import select
from rmft.stages import files, program

SCORES = ("regret", "information_regret", "random")


def _summary(method: dict, regret: pa.Table, chosen: np.ndarray, suff_failed: np.ndarray) -> dict:
    """What was selected from what, for the tables."""
    numbers = {"trajectories": regret.num_rows, "selected": len(chosen), "score": method["score"], "k": method["k"]}
    for column in ("lucky", "regret", "information_regret"):
        values = regret[column].to_numpy().astype(float)
        numbers |= {f"{column}_all": values.mean(), f"{column}_selected": values[chosen].mean()}
    return numbers | {"suff_fail_all": suff_failed.mean(), "suff_fail_selected": suff_failed[chosen].mean()}


def work(args: Namespace) -> None:
    """Select, and say what was selected. Scores are named by the method; ``random`` scores all alike."""
    method = program.entry(args.method, "--method", "name", "score", "k")
    if method["score"] not in SCORES:
        raise ValueError(
            f"methods: {method['name']}: score must be one of {', '.join(SCORES)}, not {method['score']!r}"
        )
    table = files.read_table(args.trajectories, files.TRAJECTORIES)
    regret = files.read_table(args.regret, files.REGRET)
    ids, scenarios = table["trajectory_id"].to_pylist(), table["scenario_id"].to_pylist()
    if regret["trajectory_id"].to_pylist() != ids:
        raise ValueError(
            f"{args.regret}: its trajectories are not those of {args.trajectories}; delete it and score again"
        )
    scores = np.zeros(len(ids)) if method["score"] == "random" else regret[method["score"]].to_numpy()
    chosen = select(scores, scenarios, ids, method["k"], regret["eligible"].to_numpy())
    if not len(chosen):
        raise ValueError(f"{args.regret}: no trajectory is eligible: none is complete with every reply read")
    actions, _, means = files.arrays(table, args.trajectories)
    half = actions.shape[1] // 2
    failed = suff_fail(actions, best_arm(means, half), half)
    messages, values = table["messages"].to_pylist(), regret["regret"].to_pylist()
    lines = [
        json.dumps({"messages": json.loads(messages[i]), "trajectory_id": ids[i], "regret": values[i]}) for i in chosen
    ]
    files.write_text(args.summary, json.dumps(_summary(method, regret, chosen, failed), indent=1) + "\n")
    files.write_text(args.output, "".join(line + "\n" for line in lines))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("select", description=__doc__)
    parser.add_argument("--trajectories", required=True, type=Path, help="trajectories.parquet")
    parser.add_argument("--regret", required=True, type=Path, help="regret.parquet of the same trajectories")
    parser.add_argument("--method", required=True, help="the method's config entry with its name, JSON")
    parser.add_argument("--output", required=True, type=Path, help="selected.jsonl")
    parser.add_argument("--summary", required=True, type=Path, help="selection.json")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
