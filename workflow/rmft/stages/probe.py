"""Ask a policy what it thinks on fixed histories, plain ones and traps, that are the same for every policy of the task."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from rmft.core.alignment import largest, shown_averages
from rmft.core.probes import Histories, histories
from rmft.core.prompts import Context
from rmft.core.reasoning import Said
from rmft.core.tasks import Task
from rmft.core.trajectory import Play, Trajectory
from rmft.models.chat import renderer
from rmft.models.engines import engine_of
from rmft.models.policy import Policy, read_policy
from rmft.models.probing import ask
from rmft.models.speech import speech_from_config
from rmft.stages import files, program
from rmft.stages.reason import read_phrases, reader, written
from rmft.stages.table_columns import PROBE
from rmft.stages.wording import read_context

GENERATION = ("temperature", "max_new_tokens")


def before_the_last(task: Task, context: Context, records: list[Trajectory]) -> np.ndarray:
    """Average that was shown of each arm before the last step, N x K; NaN where nothing was."""
    actions, rewards = (np.array([getattr(record, name) for record in records]) for name in ("actions", "rewards"))
    vectors, policies = (
        np.array([getattr(record, name) for record in records]) if getattr(records[0], name) else None
        for name in ("reward_vectors", "policies")
    )
    play = Play(actions, rewards, np.zeros((len(records), 1, task.arms)), vectors, policies)
    how = {"summary": task.interaction == "summary", "weighted": task.shown == "importance_weighted"}
    return shown_averages(play, written(context), **how)[:, -1]


def row(context: Context, record: Trajectory, said: Said, averages: np.ndarray, **where: object) -> dict:
    """A row of probes.jsonl."""
    prompt, reply = (message["content"] for message in record.chats[-1][-2:])
    names = context.arm_names
    shown = {name: None if np.isnan(a) else round(float(a), 6) for name, a in zip(names, averages, strict=True)}
    told = {"prompt": prompt, "averages": json.dumps(shown), "reply": reply}
    named = "" if said.best is None else names[said.best]
    right = None if said.best is None else bool(largest(averages)[said.best])
    return {key: ({"best_named": named, "right": right} | told | where)[key] for key in PROBE}


def asker(policy: Policy, args: Namespace) -> Callable[..., list[Trajectory]]:
    """What asks a policy on histories of a task, in a context's words. Raises ValueError for one that says nothing."""
    if policy.kind == "api":
        return import_module("rmft.stages.rollout_api").asker(policy, args)
    if policy.kind != "transformers":
        raise ValueError(f"{args.policy}: is {policy.kind} and says nothing; ask a policy in words")
    sampling = program.entry(args.sampling, "--sampling", *GENERATION)
    speech = speech_from_config(program.entry(args.model, "--model"))
    engine = engine_of(policy, speech, **{key: sampling[key] for key in GENERATION})
    return partial(ask, engine, renderer(engine.tokenizer, speech))


def work(args: Namespace) -> None:
    """Ask on all histories, kind by kind."""
    torch.set_num_threads(args.threads)
    task, size = program.task(args.task), program.entry(args.probe, "--probe", "histories", "replies")
    context = read_context(args.contexts, task)
    if not all(isinstance(size[key], int) and size[key] > 0 for key in ("histories", "replies")):
        raise ValueError(f"--probe: histories and replies must be 1 or more, not {args.probe}")
    read, policy = reader(context, read_phrases(args.phrases)), read_policy(args.policy)
    asks, lines = asker(policy, args), []
    for kind in histories(task, size["histories"]):
        records = asks(context, task, kind, replies=size["replies"])
        for i, (record, averages) in enumerate(zip(records, before_the_last(task, context, records), strict=True)):
            said = read(record.chats[-1][-1]["content"])
            lines.append(row(context, record, said, averages, **_named(kind, i // size["replies"], context)))
    files.write_text(args.output, "".join(f"{json.dumps(line)}\n" for line in lines))


def _named(kind: Histories, number: int, context: Context) -> dict[str, str]:
    """Which history it is, and its trap."""
    trap = int(kind.traps[number])
    return {"history": f"{kind.kind}-{number}", "kind": kind.kind, "trap": "" if trap < 0 else context.arm_names[trap]}


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("probe", description=__doc__)
    parser.add_argument("--policy", required=True, type=Path, help="policy.json of who is asked")
    parser.add_argument(
        "--model", default="{}", help="the part of the model's config entry that says how it is run, JSON"
    )
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--contexts", required=True, type=Path, help="folder of the language contexts, yaml")
    parser.add_argument("--phrases", required=True, type=Path, help="the patterns that reasonings are read with, yaml")
    parser.add_argument("--sampling", required=True, help="JSON: temperature, max_new_tokens")
    parser.add_argument("--probe", required=True, help="JSON: histories of each kind, replies to each")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads; part of what makes a run repeatable")
    parser.add_argument("--output", required=True, type=Path, help="probes.jsonl")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
