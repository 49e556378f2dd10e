import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rmft.stages import growth
from rmft.stages.table_files import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic
from tables_made import N


def run(results: Path, out: Path) -> pd.DataFrame:
    chosen = json.dumps(synthetic.selection(iterations=N))
    flags = ["--results", str(results), "--selection", chosen, "--output", str(out / "growth.csv")]
    assert growth.main(flags) == 0
    return read_table(out, "growth")


def test_known_exponents_and_their_changes(results: Path, tmp_path: Path) -> None:
    """Every curve is t^(1 - iteration / 4), times a factor of its episode that moves no exponent."""
    for path in (results / "cells/tiny").rglob("evaluation.parquet"):
        rows, iteration = pd.read_parquet(path), int(path.parts[-2][4:])
        steps = [np.arange(1.0, len(curve) + 1) for curve in rows["curve"]]
        rows["curve"] = [(1 + i) * t ** (1 - iteration / 4) for i, t in enumerate(steps)]
        synthetic._keep(path, rows)
    table = run(results, tmp_path)
    own = table[table["kind"] == "policy"]
    for iteration, rows in own.groupby("iteration"):
        expected = 1 - iteration / 4
        for column in ("beta", "beta_low", "beta_high"):
            assert rows[column].to_numpy() == pytest.approx(expected)
        for column in ("change", "change_low", "change_high"):
            assert rows[column].to_numpy() == pytest.approx(-iteration / 4)
        assert (rows["p_change"] == (0 if iteration else 1)).all() and (rows["p_reg"] < 1e-9).all()
        if iteration:
            assert (rows["p_sublinear"] == 0).all() and (rows["p_trend"] < 1e-4).all()
    rivals = table[table["kind"] != "policy"]
    assert len(rivals) and rivals["change"].isna().all() and rivals["beta"].notna().all()


def test_rows_are_those_of_the_summary_and_in_bounds(results: Path, tmp_path: Path) -> None:
    table = run(results, tmp_path)
    pooled = table[(table["seed"] == "all") & (table["kind"] == "policy")]
    assert set(pooled["task"]) == set(synthetic.TASKS)
    assert (table["beta_low"] <= table["beta_high"]).all()
    for column in ("p_reg", "p_trend", "p_sublinear"):
        assert table[column].between(0, 1).all()
    start = pooled[pooled["iteration"] == 0]
    assert (start["change"] == 0).all() and (start["p_change"] == 1).all()
    assert table.equals(run(results, tmp_path))


def test_too_few_steps_are_no_exponent() -> None:
    row = growth.row_of({"iteration": 1}, [np.ones((4, 2))], None)
    assert row["episodes"] == 4 and np.isnan(row["beta"])
