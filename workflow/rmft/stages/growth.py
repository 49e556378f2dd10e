"""growth: how fast regret grows with the steps, of every policy and baseline: beta, its tests, its change by training."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rmft.core.growth import exponents, growth_exponent, influences, trend_p_value
from rmft.core.statistics import resampled, student_below
from rmft.stages import program
from rmft.stages.experiment import selection_from_json
from rmft.stages.results import Reader
from rmft.stages.table_columns import COLUMNS, MEASURED
from rmft.stages.table_files import write_table
from rmft.stages.tables_pooled import pools, stream

POLICY = ["model", "task", "method", "seed", "suite"]
FOUND = [name for name in COLUMNS["growth"] if name not in (*MEASURED, "episodes")]


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The middle 95% of a bootstrap."""
    return tuple(np.quantile(values, [0.025, 0.975]))


def level(curves: list[np.ndarray], drawn: np.ndarray) -> dict[str, float]:
    """beta of the mean curve (E x T for each seed) and its tests; ``drawn``: mean curves of resamples, R x T.

    p_sublinear: one-sided, that beta < 1, from the episodes' influences. It and p_change take the trained policies as
    they are: a scenario, with all its seeds, is one draw.
    """
    pooled = np.mean(curves, axis=0)
    mean = pooled.mean(axis=0)
    beta, p_reg = growth_exponent(mean)
    low, high = bounds(exponents(drawn))
    p_sublinear = student_below(beta + influences(pooled)[:, None], 1.0)[0]
    found = {"beta": beta, "beta_low": low, "beta_high": high, "p_reg": p_reg, "p_trend": trend_p_value(mean)}
    return found | {"p_sublinear": p_sublinear}


def fall(now: list[np.ndarray], base: list[np.ndarray], drawn: np.ndarray) -> dict[str, float]:
    """beta less that of the base policy on the same scenarios; ``drawn``: mean curves of both, R x 2T.

    p_change: one-sided, that beta fell, from the differences of the episodes' influences.
    """
    steps = now[0].shape[1]
    pooled = [np.mean(curves, axis=0) for curves in (now, base)]
    after, before = (float(exponents(curves.mean(axis=0))) for curves in pooled)
    low, high = bounds(exponents(drawn[:, :steps]) - exponents(drawn[:, steps:]))
    moved = after - before + influences(pooled[0]) - influences(pooled[1])
    p_change = student_below(moved[:, None], 0.0)[0]
    return {"change": after - before, "change_low": low, "change_high": high, "p_change": p_change}


def stacked(part: pd.DataFrame) -> np.ndarray:
    """The curves of a seed's episodes, E x T, in the order of the episodes."""
    return np.stack(part.sort_values("episode")["curve"].to_numpy())


def row_of(where: dict, now: list[np.ndarray], base: list[np.ndarray] | None) -> dict:
    """A row of the table; without a base policy (a baseline) no change, and with fewer than three steps nothing."""
    steps = now[0].shape[1]
    row = {**where, "episodes": len(now[0]), **dict.fromkeys(FOUND, np.nan)}
    if steps < 3:
        return row
    both = now if base is None else [np.hstack(pair) for pair in zip(now, base, strict=True)]
    drawn = resampled(both, rng=stream(where, "growth"))
    row |= level(now, drawn[:, :steps])
    return row if base is None else row | fall(now, base, drawn)


def growth(episodes: pd.DataFrame) -> pd.DataFrame:
    """One row per policy x seed (and all seeds pooled) x iteration x suite, and per baseline, as in the summary."""
    first = episodes[episodes["iteration"].eq(0).fillna(False)]
    base = {key: stacked(rows) for key, rows in first.groupby(POLICY, sort=False)}
    rows = []
    for where, parts in pools(episodes, MEASURED):
        now = [stacked(part) for part in parts]
        keys = [tuple(part.iloc[0][POLICY]) for part in parts]
        rows.append(row_of(where, now, [base[key] for key in keys] if keys[0] in base else None))
    return pd.DataFrame(rows)[COLUMNS["growth"]]


def work(args: argparse.Namespace) -> None:
    """Read the curves of every selected cell and write the table."""
    table = growth(Reader(args.results, selection_from_json(args.selection)).episodes())
    write_table(args.output, table)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="the results folder")
    parser.add_argument("--selection", required=True, help="JSON: the models, tasks, methods, seeds... to gather")
    parser.add_argument("--output", type=Path, required=True, help="growth.csv")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
