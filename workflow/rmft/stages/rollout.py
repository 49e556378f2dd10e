"""Roll a policy out: it plays L episodes of each of M scenarios, T steps each, in words or in numbers."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import torch

from rmft.core.prompts import Context
from rmft.core.tasks import draw_episodes, draw_heldout
from rmft.models.engines import engine_module
from rmft.models.policy import Policy, read_policy
from rmft.stages import files, program
from rmft.stages.chunks import in_chunks
from rmft.stages.fingerprint import fingerprint
from rmft.stages.wording import read_context

# What plays, by the kind of policy: imported by name, so that a rule depends on the code of its own kind alone.
PLAYERS = {
    "transformers": "rmft.stages.rollout_words",
    "numeric": "rmft.stages.rollout_numbers",
    "api": "rmft.stages.rollout_api",
}


def _shard(text: str, chunks: int) -> tuple[int, int]:
    """(i, n) of ``--shard i/n``. Raises ValueError for one that has no chunk."""
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and int(i) < int(n) <= chunks):
        raise ValueError(f"--shard: must be i/n with i < n <= {chunks}, the number of chunks, not {text!r}")
    return int(i), int(n)


def _refuse(args: Namespace) -> None:
    """Raises ValueError, naming the flag, for flags that do not go together."""
    if args.split == "heldout" and args.trajectories_per_scenario != 1:
        raise ValueError("--trajectories-per-scenario: a held-out scenario is played once; leave the flag out")
    if args.suites and args.split != "heldout":
        raise ValueError("--suites: are for held-out scenarios; leave the flag out")
    if bool(args.shard) != bool(args.finished):
        raise ValueError("--shard: goes with --finished; give both or neither")


def _identity(args: Namespace, policy: Policy, contexts: Iterable[Context]) -> list:
    """All that a chunk is made of; alike for all shards."""
    given = {key: value for key, value in vars(args).items() if key not in ("shard", "finished")}
    said = {key: value for key, value in given.items() if not isinstance(value, Path)}
    engine = engine_module(program.entry(args.model, "--model").get("engine", "transformers"))
    code = fingerprint("rollout", PLAYERS[policy.kind], engine)
    return [said, [repr(context) for context in contexts], policy.digest, policy.to_json(), code]


def work(args: Namespace) -> None:
    """Play all episodes, chunk by chunk."""
    _refuse(args)
    torch.set_num_threads(args.threads)
    heldout = args.split == "heldout"
    policy, entries = read_policy(args.policy), program.suites(args.task, args.suites)
    sampling = program.entry(args.sampling, "--sampling", "chunk_episodes")
    tasks = {suite: program.task(entry) for suite, entry in entries.items()}
    contexts = {suite: read_context(args.contexts, task) for suite, task in tasks.items()}

    @cache  # not before there is a chunk to make
    def rows() -> Callable:
        return import_module(PLAYERS[policy.kind]).player(policy, args)

    schema = files.HELDOUT if heldout else files.TRAJECTORIES
    player = f"{args.model_name}/{args.method}/{args.seed}/{policy.iteration}"
    training = {"split": "train", "seed": args.seed, "iteration": policy.iteration}

    def make(suite: str, scenarios: range) -> pa.Table:
        task = tasks[suite]
        if heldout:
            episodes = draw_heldout(task, policy=player, scenarios=scenarios)
        else:
            where = {"scenarios": scenarios, "per_scenario": args.trajectories_per_scenario}
            shared = sampling.get("shared_rewards", False)
            episodes = draw_episodes(task, **training, policy=player, **where, shared_rewards=shared)
        text = json.dumps(json.loads(entries[suite]), sort_keys=True)
        common = {"task": text, "arms": task.arms, "horizon": task.horizon, "suite": suite}
        return rows()(task, contexts[suite], episodes, common).select(schema.names)

    size = max(1, sampling["chunk_episodes"] // args.trajectories_per_scenario)
    starts = range(0, args.scenarios, size)
    pieces = [(suite, range(i, min(i + size, args.scenarios))) for suite in tasks for i in starts]
    identity = _identity(args, policy, contexts.values())
    shard = _shard(args.shard, len(pieces)) if args.shard else None
    chunks = in_chunks(args.output, pieces, make, schema=schema, identity=identity, unit="scenario", shard=shard)
    if shard:
        files.write_text(args.finished, json.dumps({"shard": args.shard, "chunks": chunks}) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("rollout", description=__doc__)
    parser.add_argument("--policy", required=True, type=Path, help="policy.json of what plays")
    parser.add_argument(
        "--model", default="{}", help="the part of the model's config entry that says how it is run, JSON"
    )
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--contexts", required=True, type=Path, help="folder of the language contexts, yaml")
    parser.add_argument(
        "--sampling",
        required=True,
        help="JSON: chunk_episodes; words: temperature, max_new_tokens, max_reasks; numbers: shared_rewards, exploration",
    )
    parser.add_argument("--model-name", required=True, help="the cell's model: names the policy's random stream")
    parser.add_argument("--method", required=True, help="the cell's method: names the policy's random stream")
    parser.add_argument("--seed", required=True, type=int, help="the cell's seed")
    parser.add_argument(
        "--split", required=True, choices=("train", "heldout"), help="scenarios to learn from, or to be judged on"
    )
    parser.add_argument("--suites", help="what else to play held out: suites with their changes of the task, JSON")
    parser.add_argument("--scenarios", required=True, type=int, help="M, the number of scenarios (of each suite)")
    parser.add_argument(
        "--trajectories-per-scenario", default=1, type=int, help="L, rollouts of each training scenario"
    )
    parser.add_argument(
        "--teacher", help="a baseline's config entry, JSON, that plays and speaks in the policy's stead"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch's threads; part of what makes a run repeatable")
    parser.add_argument("--output", required=True, type=Path, help="trajectories.parquet or heldout.parquet")
    parser.add_argument(
        "--shard", help="i/n: make every n-th chunk from the i-th on, 0 <= i < n, and leave --output alone"
    )
    parser.add_argument("--finished", type=Path, help="file that says that the shard is finished")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
