"""Train the laptop's base model from nothing and show that it can read its history."""

import csv
import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.core.prompts import context_from_config
from rmft.models.policy import weights_digest
from rmft.models.pretrain import pretrain
from rmft.models.reading import read
from rmft.stages import files, program


def work(args: Namespace) -> None:
    """Write the model's folder; pretrain.json, with the learning curve, comes last and says that it is whole."""
    entry, folder = program.entry(args.model, "--model", "pretraining"), args.output.parent
    crowd = entry["pretraining"]["crowd"]
    context = context_from_config(files.read_yaml(args.context), arms=crowd["arms"], name=str(args.context))
    building = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    curve = pretrain(entry, context, building)
    with (building / "reading.csv").open("w", newline="") as stream:
        rows = read(building, entry["pretraining"], context)
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(building.iterdir()):
        file.replace(folder / file.name)
    building.rmdir()
    digest = weights_digest(folder)
    files.write_text(
        args.output, json.dumps({"name": args.name, "entry": entry, "digest": digest, "curve": curve}, indent=1) + "\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("pretrain", description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name in the config")
    parser.add_argument("--model", required=True, help="its config entry, JSON")
    parser.add_argument("--context", required=True, type=Path, help="language context, yaml")
    parser.add_argument("--output", required=True, type=Path, help="pretrain.json in the model's folder")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
