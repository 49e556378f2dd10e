"""Train the laptop's base model from nothing and show that it can read its history."""

import csv
import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.core.tasks import task_from_config
from rmft.models import seals
from rmft.models.crowd import World
from rmft.models.policy import weights_digest
from rmft.models.pretrain import pretrain
from rmft.models.reading import read
from rmft.stages import files, program
from rmft.stages.wording import read_context

_REPLY = 32  # tokens of the longest reply that the reading test waits for


def read_worlds(tasks: dict[str, dict], contexts: Path) -> list[World]:
    """What the crowd plays: tasks by name, each an entry of the config with its ``share`` of the dialogues."""
    worlds = []
    for name, entry in tasks.items():
        settings = dict(entry)
        share, task = settings.pop("share"), task_from_config(name, settings)
        worlds.append(World(task, read_context(contexts, task), share))
    return worlds


def work(args: Namespace) -> None:
    """Write the model's folder; pretrain.json, with the learning curve, comes last and says that it is whole."""
    entry, folder = program.entry(args.model, "--model", "pretraining"), args.output.parent
    worlds = read_worlds(entry["pretraining"]["crowd"]["tasks"], args.contexts)
    building = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    curve = pretrain(entry, worlds, building)
    with (building / "reading.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = read(building, worlds, new_tokens=_REPLY)
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    files.let_others_read(building)
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(building.iterdir()):
        seals.seal(file, folder / file.name)
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
    parser.add_argument("--contexts", required=True, type=Path, help="folder of the language contexts, yaml")
    parser.add_argument("--output", required=True, type=Path, help="pretrain.json in the model's folder")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
