"""Tables in which seeds are pooled: known regrets, growth and failures."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rmft.stages import experiment
from rmft.stages.results import Reader
from rmft.stages.table_files import read_table
from rmft.stages.tables_pooled import summary

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic
from tables_made import N, cells, of_task, run


@pytest.fixture
def flat(results: Path) -> Path:
    """Results whose regrets are known: seed + 4 - iteration, in every episode; a curve that grows by 1 a step."""
    for path in cells(results).rglob("evaluation.parquet"):
        seed, iteration = int(path.parts[-3][4:]), int(path.parts[-2][4:])
        rows = pd.read_parquet(path).assign(regret=float(seed + 4 - iteration), suff_fail=False)
        rows["curve"] = [np.arange(1.0, len(curve) + 1) for curve in rows["curve"]]
        synthetic._keep(path, rows)
    return results


def test_summary_of_known_regrets(flat: Path, tmp_path: Path) -> None:
    assert run(flat, tmp_path / "out") == 0
    every = read_table(tmp_path / "out", "summary")
    for suite in synthetic.TASKS["mab-gaussian"]:
        check_known_regrets(of_task(every, suite=suite))
    assert every.loc[every["task"] != "mab-gaussian", "suite"].unique().tolist() == ["in-distribution"]


def check_known_regrets(table: pd.DataFrame) -> None:
    own = table[table["kind"] == "policy"].set_index(["method", "seed", "iteration"])
    assert len(own) == 3 * 3 * (N + 1) + 3 * 2  # three methods of N iterations, and one of a single one
    for method in synthetic.METHODS:
        for seed in (0, 1):
            for iteration in range(2 if method == "rmft-once" else N + 1):
                row = own.loc[(method, str(seed), iteration)]
                expected = seed + 4 - iteration
                assert row["regret"] == row["regret_low"] == row["regret_high"] == pytest.approx(expected)
                assert row["change"] == pytest.approx(-iteration) and row["suff_fail"] == 0
        pooled = own.loc[(method, "all", 1)]
        assert pooled["regret"] == pytest.approx(3.5) and pooled["seeds"] == 2
        assert (pooled["regret_low"], pooled["regret_high"]) == pytest.approx((3, 4))  # whole seeds are drawn again
        assert pooled["change_low"] == pooled["change_high"] == pytest.approx(-1)
    rivals = table[table["kind"] == "baseline"]
    assert list(rivals["method"]) == list(synthetic.BASELINES) and rivals["change"].isna().all()


def test_curves_of_known_growth(flat: Path, tmp_path: Path) -> None:
    assert run(flat, tmp_path / "out") == 0
    every = read_table(tmp_path / "out", "curves")
    for suite, steps in (("in-distribution", 20), ("horizon-2x", 40), ("sine", 20)):
        table = of_task(every, suite=suite)
        line = table[(table["method"] == "rmft") & (table["seed"] == "all") & (table["iteration"] == N)]
        assert line["step"].tolist() == list(range(1, steps + 1))
        for column in ("regret", "low", "high"):
            np.testing.assert_allclose(line[column], np.arange(1, steps + 1))


def test_suff_fail_by_step_meets_the_summary_at_half_the_horizon(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    keys = ["model", "task", "method", "seed", "iteration", "suite"]
    curve, whole = (read_table(tmp_path / "out", name) for name in ("suff_fail", "summary"))
    both = curve.merge(whole, on=keys, suffixes=("", "_there"))
    half = both[both["step"] == both["horizon"] // 2]
    assert len(half) == len(whole) and half["suff_fail"].tolist() == half["suff_fail_there"].tolist()
    assert (curve["low"] <= curve["suff_fail"]).all() and (curve["suff_fail"] <= curve["high"]).all()
    steps = curve.groupby(keys, dropna=False)["step"].agg(["min", "max"])
    assert set(steps["min"]) == {0} and set(steps["max"]) == {19, 39}


def test_the_median_reward_is_there_only_where_it_is_defined(flat: Path) -> None:
    tasks = synthetic.TASKS["mab-gaussian"]
    assert [experiment.gap(tasks[suite]) for suite in ("in-distribution", "sine")] == [None, None]
    assert experiment.gap(synthetic.HARD) == 0.2
    for other in (
        {"environment": "fol"},
        {"drift": synthetic.SINE},
        {"means": {"kind": "gap", "gap": 0.2, "centre": 1}},
    ):
        assert experiment.gap(synthetic.HARD | other) is None
    chosen = synthetic.selection(N) | {
        "tasks": synthetic.TASKS | {"mab-gaussian": dict.fromkeys(tasks, synthetic.HARD)}
    }
    reader = Reader(flat, experiment.Selection(**chosen))
    episodes = reader.episodes().assign(reward=0.55)
    table = summary(episodes, reader.selection.tasks)
    assert (table["median_reward"].notna() == (table["task"] == "mab-gaussian")).all()
    assert table["median_reward"].dropna().to_numpy() == pytest.approx(0.75)
