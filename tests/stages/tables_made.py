"""Tables of made-up results, by their stage."""

import json
import sys
from pathlib import Path

import pandas as pd

from rmft.stages import tables

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic

N = 2


def run(results: Path, out: Path) -> int:
    chosen = json.dumps(synthetic.selection(iterations=N))
    return tables.main(["--results", str(results), "--selection", chosen, "--output", str(out)])


def of_task(table: pd.DataFrame, task: str = "mab-gaussian", suite: str = "in-distribution") -> pd.DataFrame:
    """The rows of a task under a suite, where the table tells suites apart."""
    table = table[table["task"] == task]
    return table[table["suite"] == suite] if "suite" in table else table


def cells(results: Path) -> Path:
    return results / "cells" / "tiny" / "mab-gaussian"
