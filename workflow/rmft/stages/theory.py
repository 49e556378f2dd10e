"""What the programs about the theorem have in common."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from rmft.core.theorem import SPACES


def parser(name: str, doc: str | None, grid: str, tables: Sequence[str]) -> ArgumentParser:
    """The flags of all of them; ``grid`` says which part of the config the grid is."""
    flags = ArgumentParser(name, description=doc)
    flags.add_argument("--space", choices=SPACES, required=True, help="where policies live")
    flags.add_argument("--grid", required=True, help=f"the config's {grid}; JSON")
    flags.add_argument("--threads", type=int, default=1, help="threads of torch")
    named = f"CSV files: {', '.join(tables)}, each by name"
    flags.add_argument("--output", type=Path, nargs="+", required=True, help=named)
    return flags
