"""Keep the k trajectories of the lowest score in every scenario, as chat messages that any trainer reads."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.metrics import suff_fail
from rmft.core.regret import best_arm
from rmft.core.rolling import rolling_regret
from rmft.core.selection import select
from rmft.core.trajectory import Play
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes, check_regrets

SCORES = ("regret", "information_regret", "reward", "rolling_regret", "random")
POOLS = ("scenario", "task")


def method_of(text: str) -> dict:
    """The method of ``--method``. Raises ValueError, naming the key, for one that cannot select."""
    method = program.entry(text, "--method", "name", "score", "k")
    for key, known in (("score", SCORES), ("pool", POOLS)):
        if (value := method.get(key, known[0])) not in known:
            raise ValueError(f"methods: {method['name']}: {key}: must be one of {', '.join(known)}, not {value!r}")
    for key in ("k", "window") if method["score"] == "rolling_regret" else ("k",):
        if not isinstance(method.get(key), int) or method[key] < 1:
            raise ValueError(f"methods: {method['name']}: {key}: must be 1 or more, not {method.get(key)!r}")
    return method


def scores_of(method: dict, regret: pa.Table, play: Play) -> np.ndarray:
    """What the method ranks by, the lowest first, length E; ``random`` scores all alike, and ties go by chance."""
    match method["score"]:
        case "random":
            return np.zeros(regret.num_rows)
        case "reward":
            return -regret["reward"].to_numpy()
        case "rolling_regret":
            return rolling_regret(play, method["window"])
        case score:
            return regret[score].to_numpy()


def _summary(method: dict, regret: pa.Table, chosen: np.ndarray, suff_failed: np.ndarray) -> dict:
    """What was selected from what, for the tables."""
    also = {key: value for key, value in method.items() if key not in ("name", "score", "k")}
    numbers = {"trajectories": regret.num_rows, "selected": len(chosen)}
    numbers |= {"score": method["score"], "k": method["k"], "also": also}
    for column in ("lucky", "regret", "information_regret"):
        values = regret[column].to_numpy().astype(float)
        numbers |= {f"{column}_all": values.mean(), f"{column}_selected": values[chosen].mean()}
    return numbers | {"suff_fail_all": suff_failed.mean(), "suff_fail_selected": suff_failed[chosen].mean()}


def work(args: Namespace) -> None:
    """Select, and say what was selected. Scores are named by the method; ``random`` scores all alike."""
    method = method_of(args.method)
    table = files.read_table(args.trajectories, files.TRAJECTORIES)
    regret = files.read_table(args.regret, files.REGRET)
    ids, scenarios = table["trajectory_id"].to_pylist(), table["scenario_id"].to_pylist()
    if regret["trajectory_id"].to_pylist() != ids:
        raise ValueError(
            f"{args.regret}: its trajectories are not those of {args.trajectories}; delete it and score again"
        )
    check_episodes(table, args.trajectories)
    play, eligible = files.plays(table, args.trajectories), regret["eligible"].to_numpy()
    check_regrets(regret, play, args.regret, args.trajectories)
    scores = scores_of(method, regret, play)
    if method.get("pool", "scenario") == "task":  # the best of all, wherever they were played: as many in number
        k, groups = method["k"] * len(set(scenarios)), ["all"] * len(ids)
    else:
        k, groups = method["k"], scenarios
    chosen = select(scores, groups, ids, k, eligible)
    if not len(chosen):
        raise ValueError(f"{args.regret}: no trajectory is eligible: none is complete with every reply read")
    half = play.actions.shape[1] // 2
    failed = suff_fail(play.actions, best_arm(play.means, half), half)
    messages, values = table["messages"].to_pylist(), regret["regret"].to_pylist()
    lines = [
        json.dumps({"messages": chat, "trajectory_id": ids[i], "regret": values[i]})
        for i in chosen
        for chat in files.chats(messages[i])
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
