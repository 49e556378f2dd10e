"""manifest: of every figure which claims it is evidence of, from which cells, tables and rows it was drawn, as JSON.

A figure that shows no row says on its face why, and is no evidence of anything.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from rmft.figures import FIGURES
from rmft.stages import files, program
from rmft.stages.table_files import read_csv
from rmft.stages.yaml_files import read_yaml

KEYS = {"claims": list, "cells": str, "paper": (int, type(None)), "shows": str}
FORMS = ("pdf", "png", "csv")


def entries(path: Path) -> dict[str, dict]:
    """What figures.yaml says of each figure. Raises ValueError, naming figure and key, where it is not of all figures."""
    said = read_yaml(path)
    if not isinstance(said, dict) or (odd := set(said) ^ set(FIGURES)):
        names = ", ".join(sorted(odd)) if isinstance(said, dict) else "all"
        raise ValueError(f"{path}: must say of each figure what it is for; wrong: {names}")
    for name, entry in said.items():
        if not isinstance(entry, dict) or set(entry) != set(KEYS):
            raise ValueError(f"{path}: {name}: must have the keys {', '.join(KEYS)}")
        if odd := [key for key, kind in KEYS.items() if not isinstance(entry[key], kind)]:
            raise ValueError(f"{path}: {name}: {odd[0]}: is {entry[odd[0]]!r}")
    return said


def shown(path: Path) -> int:
    """How many rows a figure shows: the lines of the CSV beside it."""
    return len(read_csv(path, dtype=str))


def manifest(said: dict[str, dict], folder: Path) -> list[dict]:
    """One entry for each figure, in the report's order; its number is ours, and the paper's stands beside it if known."""
    found = []
    for number, name in enumerate(FIGURES, 1):
        rows = shown(folder / f"{name}.csv")
        drawn = {"tables": list(import_module(f"rmft.figures.{name}").TABLES), "rows": rows, "evidence": rows > 0}
        made = {"rule": "draw", "files": [f"{name}.{form}" for form in FORMS], "caption": f"workflow/report/{name}.rst"}
        found.append({"figure": name, "number": number, **said[name], **drawn, **made})
    return found


def work(args: argparse.Namespace) -> None:
    """Write the manifest."""
    files.write_text(args.output, json.dumps(manifest(entries(args.entries), args.figures), indent=1) + "\n")


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="manifest", description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=Path, required=True, help="figures.yaml: what each figure is for")
    parser.add_argument("--figures", type=Path, required=True, help="the folder of the figures and their CSV files")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
