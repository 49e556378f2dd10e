"""Roll a policy out: it plays L episodes of each of M scenarios, each a dialogue of T steps."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from rmft.core.prompts import context_from_config
from rmft.core.tasks import Episodes, draw_episodes, draw_heldout
from rmft.core.trajectory import Trajectory, realised_means
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.policy import read_policy
from rmft.models.transformers_engine import TransformersEngine
from rmft.stages import files, program
from rmft.stages.chunks import in_chunks
from rmft.stages.fingerprint import fingerprint


def _table(records: list[Trajectory], episodes: Episodes, task: dict, schema: pa.Schema) -> pa.Table:
    actions = np.array([record.actions for record in records])
    rows = [
        {
            **vars(record),
            "task": json.dumps(task, sort_keys=True),
            "arms": task["arms"],
            "horizon": task["horizon"],
            "mean_rewards": means.tolist(),
            "messages": json.dumps(record.messages),
            "tokens_prompt": len(record.token_ids) - sum(record.loss_mask),
            "tokens_sampled": sum(record.loss_mask),
            "suite": "in-distribution",
        }
        for record, means in zip(
            records, realised_means(episodes.mean_rewards, actions, episodes.reaction), strict=True
        )
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def work(args: Namespace) -> None:
    """Play all episodes, chunk by chunk."""
    torch.set_num_threads(args.threads)
    policy, task = read_policy(args.policy), program.task(args.task)
    sampling = program.entry(
        args.sampling, "--sampling", "temperature", "max_new_tokens", "max_reasks", "chunk_episodes"
    )
    wording = files.read_yaml(args.context)
    context = context_from_config(wording, arms=task.arms, name=str(args.context))
    engine = TransformersEngine.of(
        policy, temperature=sampling["temperature"], max_new_tokens=sampling["max_new_tokens"]
    )
    render = renderer(engine.tokenizer)
    heldout = args.split == "heldout"
    if heldout and args.trajectories_per_scenario != 1:
        raise ValueError("--trajectories-per-scenario: a held-out scenario is played once; leave the flag out")
    schema = files.HELDOUT if heldout else files.TRAJECTORIES
    player = f"{args.model_name}/{args.method}/{args.seed}/{policy.iteration}"
    training = {"split": "train", "seed": args.seed, "iteration": policy.iteration}

    def make(scenarios: range) -> pa.Table:
        if heldout:
            episodes = draw_heldout(task, policy=player, scenarios=scenarios)
        else:
            each = args.trajectories_per_scenario
            episodes = draw_episodes(task, **training, policy=player, scenarios=scenarios, per_scenario=each)
        records = play(engine, render, context, task, episodes, max_reasks=sampling["max_reasks"])
        return _table(records, episodes, json.loads(args.task), schema)

    size = max(1, sampling["chunk_episodes"] // args.trajectories_per_scenario)
    pieces = [range(i, min(i + size, args.scenarios)) for i in range(0, args.scenarios, size)]
    settings = {key: value for key, value in vars(args).items() if not isinstance(value, Path)}
    identity = [settings, wording, policy.digest, policy.to_json(), fingerprint("rollout")]
    in_chunks(args.output, pieces, make, schema=schema, identity=identity, unit="scenario")


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("rollout", description=__doc__)
    parser.add_argument("--policy", required=True, type=Path, help="policy.json of what plays")
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--context", required=True, type=Path, help="language context, yaml")
    parser.add_argument(
        "--sampling", required=True, help="temperature, max_new_tokens, max_reasks, chunk_episodes, JSON"
    )
    parser.add_argument("--model-name", required=True, help="the cell's model: names the policy's random stream")
    parser.add_argument("--method", required=True, help="the cell's method: names the policy's random stream")
    parser.add_argument("--seed", required=True, type=int, help="the cell's seed")
    parser.add_argument(
        "--split", required=True, choices=("train", "heldout"), help="scenarios to learn from, or to be judged on"
    )
    parser.add_argument("--scenarios", required=True, type=int, help="M, the number of scenarios")
    parser.add_argument(
        "--trajectories-per-scenario", default=1, type=int, help="L, rollouts of each training scenario"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch's threads; part of what makes a run repeatable")
    parser.add_argument("--output", required=True, type=Path, help="trajectories.parquet or heldout.parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
