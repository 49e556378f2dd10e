"""Write policy.json of iteration 0: the model as it is before any regret minimisation."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rmft.core.seeding import derive
from rmft.models.policy import Policy, weights_digest
from rmft.stages import files, program


def untrained(entry: dict, args: Namespace) -> tuple[Path, str]:
    """The folder of a fresh network for the task, and its digest; other seeds give other weights."""
    numbers = import_module("rmft.models.numbers")  # by name: policies in words do not depend on it
    task = program.entry(args.task or "{}", "--task", "name", "environment", "arms")
    shape = {**entry, "arms": task["arms"], "environment": task["environment"]}
    if missing := [key for key in numbers.SHAPE if key not in shape]:
        raise ValueError(f"--model: must be a mapping with {', '.join(missing)}")
    folder = args.output.parent / "model"
    network = numbers.untrained(shape, seed=derive("weights", args.name, task["name"], args.seed))
    numbers.save(network, folder)
    return folder, weights_digest(folder)


def pretrained(args: Namespace) -> tuple[Path, str]:
    """The pretrained folder, and its digest, taken now and checked at every use."""
    folder = args.pretrained.parent
    if files.read_json(args.pretrained, "digest")["digest"] != (digest := weights_digest(folder)):
        raise ValueError(f"{folder}: the weights are not those that {args.pretrained} names; delete the folder")
    return folder, digest


def work(args: Namespace) -> None:
    """Write the policy of what was pretrained, or of a fresh network where nothing was."""
    entry = program.entry(args.model, "--model", "kind")
    folder, digest = pretrained(args) if args.pretrained else untrained(entry, args)
    made_by = {"stage": "base_policy", "name": args.name, "kind": entry["kind"]}
    policy = Policy("transformers" if args.pretrained else "numeric", str(folder), None, None, digest, None, 0, made_by)
    files.write_text(args.output, policy.to_json())


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("base_policy", description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name in the config")
    parser.add_argument("--model", required=True, help="its config entry, JSON")
    parser.add_argument(
        "--pretrained", type=Path, help="pretrain.json in the model's folder; of numeric models, leave it out"
    )
    parser.add_argument("--task", help="of numeric models: the task's config entry with its name, JSON")
    parser.add_argument("--seed", type=int, default=0, help="of numeric models: the cell's seed, of the weights")
    parser.add_argument("--output", required=True, type=Path, help="policy.json")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
