"""Write policy.json of iteration 0: the model as it is before any regret minimisation."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.models.policy import Policy, weights_digest
from rmft.stages import files, program


def work(args: Namespace) -> None:
    """The pretrained folder as a policy; its digest is taken now and checked at every use."""
    entry, folder = program.entry(args.model, "--model", "kind"), args.pretrained.parent
    if files.read_json(args.pretrained, "digest")["digest"] != (digest := weights_digest(folder)):
        raise ValueError(f"{folder}: the weights are not those that {args.pretrained} names; delete the folder")
    made_by = {"stage": "base_policy", "name": args.name, "kind": entry["kind"]}
    policy = Policy("transformers", str(folder), None, None, digest, None, 0, made_by)
    files.write_text(args.output, policy.to_json())


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("base_policy", description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name in the config")
    parser.add_argument("--model", required=True, help="its config entry, JSON")
    parser.add_argument("--pretrained", required=True, type=Path, help="pretrain.json in the model's folder")
    parser.add_argument("--output", required=True, type=Path, help="policy.json")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
