"""Fine-tune a policy on the trajectories selected from its own rollouts: policy_t makes policy_{t+1}."""

import hashlib
import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import torch

from rmft.core.seeding import derive
from rmft.models import seals
from rmft.models.policy import Policy, read_policy, weights_digest
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes
from rmft.stages.fingerprint import fingerprint
from rmft.stages.lock import held

# What trains, by the kind of policy: imported by name, so that a rule depends on the code of its own kind alone.
TRAINERS = {
    "transformers": "rmft.stages.sft_words",
    "numeric": "rmft.stages.sft_numbers",
    "api": "rmft.stages.sft_api",
}
_VALIDATION_SHARE = 8  # every eighth scenario is held out of the training to watch the loss


def _selected_ids(selected: Path) -> list[str]:
    seals.check(selected)
    try:
        ids = [json.loads(line)["trajectory_id"] for line in selected.read_text(encoding="utf-8").splitlines()]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{selected}: not a selection ({error!r}); delete it and select again") from None
    if not ids:
        raise ValueError(f"{selected}: holds no trajectory; delete it and select again")
    return list(dict.fromkeys(ids))


def selected_rows(trajectories: Path, selected: Path) -> tuple[pa.Table, pa.Table]:
    """The selected trajectories: those to train on, and those of the scenarios that watch the loss."""
    table = files.read_table(trajectories, files.TRAJECTORIES)
    check_episodes(table, trajectories)
    ids = _selected_ids(selected)
    place = {trajectory: row for row, trajectory in enumerate(table["trajectory_id"].to_pylist())}
    if unknown := [trajectory for trajectory in ids if trajectory not in place]:
        raise ValueError(f"{selected}: {unknown[0]} is not in {trajectories}; delete {selected.name} and select again")
    table = table.take(pa.array([place[trajectory] for trajectory in ids]))
    scenarios = sorted(set(table["scenario_id"].to_pylist()))
    order = sorted(scenarios, key=lambda scenario: derive("validation", scenario))
    watched = set(order[: len(scenarios) // _VALIDATION_SHARE])
    watches = pa.array([scenario in watched for scenario in table["scenario_id"].to_pylist()])
    return table.filter(pa.compute.invert(watches)), table.filter(watches)


def work(args: Namespace) -> None:
    """Train; with checkpoints, one job at a time, and what another one has landed meanwhile is not made again."""
    torch.set_num_threads(args.threads)
    settings = program.entry(args.model, "--model", "sft")["sft"]
    scratch = args.output.with_name(".sft.checkpoints")
    if not settings.get("checkpoint_minutes"):
        _make(args, settings, scratch, lambda: None)
        return
    with held(scratch / "lock") as (waited, check):
        if not (waited and args.output.exists()):
            _make(args, settings, scratch, check)
        shutil.rmtree(scratch)


def _identity(args: Namespace, settings: dict, parent: Policy, parts: tuple[pa.Table, pa.Table], seed: int) -> str:
    """Digest of all that the training depends on: a checkpoint of another one is never taken up."""
    own = {key: value for key, value in settings.items() if key != "checkpoint_minutes"}
    ids = [part["trajectory_id"].to_pylist() for part in parts]
    tokens = [hashlib.sha256(json.dumps(part["token_ids"].to_pylist()).encode()).hexdigest() for part in parts]
    code = fingerprint("sft", TRAINERS[parent.kind])
    said = json.dumps([own, parent.to_json(), ids, tokens, seed, args.targets, code], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _make(args: Namespace, settings: dict, scratch: Path, check: Callable[[], None]) -> None:
    """Train and land; the weights land before policy.json, which names their digest. ``check`` is called before."""
    parent = read_policy(args.policy)
    if parent.iteration != args.iteration - 1:
        raise ValueError(f"{args.policy}: iteration {parent.iteration} is no parent of {args.iteration}; delete it")
    parts = selected_rows(args.trajectories, args.selected)
    seed = derive("sft", parent.digest, args.seed, args.iteration)
    trainer = import_module(TRAINERS[parent.kind])
    if parent.kind == "api":
        model, curve, conversations = trainer.train(parent, parts, settings, args, seed=seed)
        made = {"model": model, "adapter": None, "digest": ""}
    else:
        lora = settings.get("adapter") == "lora"
        folder = args.output.parent / ("adapter" if lora else "model")
        building = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(building, ignore_errors=True)
        where = {"folder": building, "scratch": scratch / _identity(args, settings, parent, parts, seed)}
        curve, conversations = trainer.train(parent, parts, settings, args, **where, seed=seed)
        check()
        files.let_others_read(building)
        shutil.rmtree(folder, ignore_errors=True)
        building.replace(folder)
        made = {"model": parent.model if lora else str(folder), "adapter": str(folder) if lora else None}
        made["digest"] = weights_digest(folder)
    made_by = {
        "stage": "sft",
        "seed": args.seed,
        "settings": settings,
        "targets": args.targets,
        "conversations": conversations[0],
    }
    policy = Policy(
        kind=parent.kind,
        revision=parent.revision,
        **made,
        parent=str(args.policy),
        iteration=args.iteration,
        made_by=made_by,
    )
    _land(args.output, policy, settings, curve, conversations)


def _land(output: Path, policy: Policy, settings: dict, curve: list[dict], conversations: list[int]) -> None:
    """Write sft.json, then policy.json."""
    lengths = dict(zip(("train_conversations", "validation_conversations"), conversations, strict=True))
    record = json.dumps({**lengths, "settings": settings, "curve": curve}, indent=1)
    files.write_text(output.with_name("sft.json"), record + "\n")
    files.write_text(output, policy.to_json())


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("sft", description=__doc__)
    parser.add_argument("--policy", required=True, type=Path, help="policy.json of the parent")
    parser.add_argument("--trajectories", required=True, type=Path, help="the parent's trajectories.parquet")
    parser.add_argument("--selected", required=True, type=Path, help="selected.jsonl from them")
    parser.add_argument("--model", required=True, help='JSON with the model entry\'s "sft"')
    parser.add_argument(
        "--targets",
        default="all",
        choices=("all", "answer", "hindsight", "regret"),
        help="learn all that was sampled, or final lines alone; numbers: or the best in hindsight, or by the regret itself",
    )
    parser.add_argument("--seed", required=True, type=int, help="the cell's seed")
    parser.add_argument("--iteration", required=True, type=int, help="of the policy that is made")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads; part of what makes a run repeatable")
    parser.add_argument(
        "--processes", type=int, default=1, help="GPUs that share the training of a model in words, a process for each"
    )
    parser.add_argument("--output", required=True, type=Path, help="policy.json; weights and sft.json land beside it")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
