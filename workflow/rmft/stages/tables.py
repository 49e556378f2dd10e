"""tables: gather what the selected cells hold into CSV files, the one place that figures and the report read.

Bytes depend on the results alone: no clock, no path of this machine, no order of files.
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from rmft.models import seals
from rmft.stages import files, program
from rmft.stages.experiment import selection_from_json
from rmft.stages.results import EPISODE, Reader
from rmft.stages.table_columns import CELL
from rmft.stages.table_files import write_table
from rmft.stages.tables_calibration import calibration
from rmft.stages.tables_comparisons import comparisons
from rmft.stages.tables_pooled import by_step, selection_table, summary
from rmft.stages.tables_training import learning_curves, reading


def cells(episodes: pd.DataFrame, trajectories: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: what was evaluated, rolled out, selected, sampled, and how often parsing failed."""
    own = episodes[episodes["kind"] != "baseline"].groupby(CELL, sort=False)
    table = own.agg(
        episodes=("episode", "size"),
        tokens_prompt=("tokens_prompt", "sum"),
        tokens_sampled=("tokens_sampled", "sum"),
        parse_failure_rate=("parse_failure_rate", "mean"),
    ).reset_index()
    chosen = trajectories.groupby(CELL)["selected"].agg(trajectories="size", selected="sum").reset_index()
    return table.merge(chosen, on=CELL, how="left").astype({"trajectories": "Int64", "selected": "Int64"})


def build(reader: Reader) -> dict[str, pd.DataFrame]:
    """Every table by its name."""
    episodes, trajectories = reader.episodes(), reader.trajectories()
    last = trajectories.groupby(["model", "task", "method"])["iteration"].transform("max")
    ends = trajectories[trajectories["iteration"].isin([0]) | (trajectories["iteration"] == last)]
    kinds = reader.measures()
    ends = ends.assign(measure=[kinds[task, "in-distribution"] for task in ends["task"]])
    identity = ["model", "task", "kind", "method", "seed", "iteration"]
    seen = ["model", "task", "method", "label", "seed", "iteration", "scenario_id", "trajectory_id"]
    words = [run.model for run in reader.runs() if run.kind == "policy"]
    ends = ends[ends["model"].isin(words)]
    return {
        "evaluation": episodes[[*identity, *EPISODE]],
        **by_step(episodes),
        "summary": summary(episodes, reader.selection.tasks),
        "comparisons": comparisons(episodes),
        "selection": selection_table(reader, trajectories),
        "selected_regret": ends[[*seen, "measure", "regret", "information_regret", "lucky", "selected"]],
        "calibration": calibration(reader),
        "reading": reading(reader),
        "learning_curves": learning_curves(reader),
        "cells": cells(episodes, trajectories),
    }


def work(args: argparse.Namespace) -> None:
    """Build every table, then write them all."""
    tables = build(Reader(args.results, selection_from_json(args.selection)))
    for name, table in tables.items():
        write_table(args.output / f"{name}.csv", table)
    experiment = json.dumps(json.loads(args.selection), indent=1, sort_keys=True)
    files.write_text(args.output / "experiment.json", experiment + "\n")
    names = [*(f"{name}.csv" for name in tables), "experiment.json"]
    files.write_text(args.output / seals.SUMS, seals.sums([args.output / name for name in names]))


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="tables", description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True, help="the results folder")
    parser.add_argument("--selection", required=True, help="JSON: the models, tasks, methods, seeds... to gather")
    parser.add_argument("--output", type=Path, required=True, help="the folder of the CSV files")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
