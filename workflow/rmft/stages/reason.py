"""Read the reasonings of a policy's held-out episodes, and count how they agree with the history that it was shown."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute

from rmft.core.alignment import COUNTS, counts, doing, shown_averages, spoken
from rmft.core.phrases import Phrases, phrases_from_config
from rmft.core.prompts import Context
from rmft.core.reasoning import Said, before_answer, read_reasoning
from rmft.core.tasks import Task
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes
from rmft.stages.wording import read_context
from rmft.stages.yaml_files import read_yaml

REASONING = pa.schema(
    {"suite": pa.string(), "episode": pa.int32(), "scenario_id": pa.string()}
    | dict.fromkeys(COUNTS, pa.int32())
    | {"error": pa.float64()}
)
_READ = ("ok", "renormalised", "reask")


def read_phrases(path: Path) -> Phrases:
    """The patterns that reasonings are read with. Raises ValueError, naming file and key, where they cannot be."""
    return phrases_from_config(read_yaml(path), name=str(path))


def reader(context: Context, phrases: Phrases) -> Callable[[str], Said]:
    """What reads a reply's reasoning; the same words are read once."""
    read = cache(lambda text: read_reasoning(text, context.arm_names, phrases))
    return lambda reply: read(before_answer(reply, context))


def written(context: Context) -> Callable[[np.ndarray], np.ndarray]:
    """Numbers as the context writes them. Raises ValueError where it writes them as anything but numbers."""

    def write(values: np.ndarray) -> np.ndarray:
        plain, back = np.unique(values, return_inverse=True)
        try:
            numbers = [float(context.write(value)) for value in plain]
        except ValueError:
            raise ValueError(f"number: {context.number!r} writes no plain number; as in '{{:.2f}}'") from None
        return np.array(numbers)[back].reshape(values.shape)

    return write


def last_replies(chats: list[list[dict[str, str]]], again: str) -> list[str]:
    """The reply that each step acted on. ``again``: what is said where a reply must be given once more."""
    replies: list[str] = []
    for chat in chats:
        chat = [message for message in chat if message["role"] != "system"]
        pairs = list(zip(chat[::2], chat[1::2], strict=False))
        for asked, reply in pairs[-1:] if len(chats) > 1 else pairs:  # of many, each ends with its own step
            if asked["content"] == again and len(chats) == 1:
                replies.pop()
            replies.append(reply["content"])
    return replies


def said_by(row: dict, again: str, read: Callable[[str], Said]) -> list[Said | None]:
    """What an episode said at each step. Raises ValueError where its messages are not those of its steps.

    Where there was no room to ask again, a last reply that could not be read stands without a step.
    """
    status = row["parse_status"]
    replies, steps = last_replies(files.chats(row["messages"]), again), len(status) - status.count("none")
    if not steps <= len(replies) <= steps + ("none" in status):
        raise ValueError(f"{len(replies)} replies for {steps} steps")
    return [read(reply) if how in _READ else None for how, reply in zip(status, replies, strict=False)]


def reasoned(task: Task, context: Context, phrases: Phrases, rows: pa.Table, path: Path) -> dict[str, np.ndarray]:
    """The counts of a suite's episodes, by the columns of REASONING."""
    play, read, again = files.plays(rows, path), reader(context, phrases), context.ask_again()
    try:
        said = [said_by(row, again, read) for row in rows.select(["messages", "parse_status"]).to_pylist()]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: messages: {error!r}; delete it and roll out again") from None
    how = {"summary": task.interaction == "summary", "weighted": task.shown == "importance_weighted"}
    averages = shown_averages(play, written(context), **how)
    does = doing(play, distribution=task.output == "distribution")
    return counts(spoken(said, task.horizon, task.arms), averages, does)


def work(args: Namespace) -> None:
    """Count suite by suite."""
    table, phrases, parts = files.read_table(args.heldout, files.HELDOUT), read_phrases(args.phrases), []
    for suite, entry in program.suites(args.task, args.suites).items():
        rows, task = table.filter(pa.compute.equal(table["suite"], suite)), program.task(entry)
        if not rows.num_rows:
            raise ValueError(f"{args.heldout}: holds no episode of the suite {suite}; delete it and roll out again")
        files.check_task(rows, args.heldout, entry)
        check_episodes(rows, args.heldout)
        columns = {
            "suite": rows["suite"],
            "episode": np.arange(rows.num_rows, dtype=np.int32),
            "scenario_id": rows["scenario_id"],
            **reasoned(task, read_context(args.contexts, task), phrases, rows, args.heldout),
        }
        parts.append(pa.table(columns, schema=REASONING))
    files.write_table(args.output, pa.concat_tables(parts))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("reason", description=__doc__)
    parser.add_argument("--heldout", required=True, type=Path, help="heldout.parquet of a policy that speaks in words")
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--suites", help="what else was played: suites with their changes of the task, JSON")
    parser.add_argument("--contexts", required=True, type=Path, help="folder of the language contexts, yaml")
    parser.add_argument("--phrases", required=True, type=Path, help="the patterns that reasonings are read with, yaml")
    parser.add_argument("--output", required=True, type=Path, help="reasoning.parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
