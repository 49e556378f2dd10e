"""Write policy.json of iteration 0: the model as it is before any regret minimisation."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rmft.core.seeding import derive
from rmft.models.hub import folder_of, lacking
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
    files.let_others_read(folder)
    return folder, weights_digest(folder)


def pretrained(args: Namespace) -> tuple[Path, str]:
    """The pretrained folder, and its digest, taken now and checked at every use."""
    folder = args.pretrained.parent
    if files.read_json(args.pretrained, "digest")["digest"] != (digest := weights_digest(folder)):
        raise ValueError(f"{folder}: the weights are not those that {args.pretrained} names; delete the folder")
    return folder, digest


def ready(entry: dict) -> tuple[str, str | None, str]:
    """A ready-made model: its folder, no revision, its digest; or its id in the hub, its revision, no digest. Raises
    ValueError where it is not at hand."""
    folder, local = folder_of(entry), "local_path" in entry
    if lost := lacking(folder):
        mend = "copy it there" if local else f"run `hf download {entry['hub']} --revision {entry['revision']}`"
        raise ValueError(f"{folder}: lacks {lost} of the model; {mend}")
    return (str(folder), None, weights_digest(folder)) if local else (entry["hub"], entry["revision"], "")


def base(entry: dict, args: Namespace) -> tuple[str, str, str | None, str]:
    """Kind, model, revision and digest of what was pretrained, asked over an API, ready-made, or else is a fresh network."""
    if args.pretrained:
        folder, digest = pretrained(args)
        return "transformers", str(folder), None, digest
    if entry["kind"] == "api":
        return "api", entry["model"], None, ""
    if entry["kind"] == "open":
        return "transformers", *ready(entry)
    folder, digest = untrained(entry, args)
    return "numeric", str(folder), None, digest


def work(args: Namespace) -> None:
    """Write the policy."""
    entry = program.entry(args.model, "--model", "kind")
    kind, model, revision, digest = base(entry, args)
    made_by = {"stage": "base_policy", "name": args.name, "kind": entry["kind"]}
    files.write_text(args.output, Policy(kind, model, revision, None, digest, None, 0, made_by).to_json())


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("base_policy", description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name in the config")
    parser.add_argument("--model", required=True, help="its config entry, JSON")
    parser.add_argument(
        "--pretrained", type=Path, help="pretrain.json in the model's folder; of models of other kinds, leave it out"
    )
    parser.add_argument("--task", help="of numeric models: the task's config entry with its name, JSON")
    parser.add_argument("--seed", type=int, default=0, help="of numeric models: the cell's seed, of the weights")
    parser.add_argument("--output", required=True, type=Path, help="policy.json")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
