import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rmft.stages import experiment, tables
from rmft.stages.results import Reader
from rmft.stages.table_files import read_table
from rmft.stages.tables_calibration import known_value
from rmft.stages.tables_training import reading

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic
from tables_made import N, cells, of_task, run


def test_iteration_0_of_every_method_is_the_base_policy(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    for name in ("evaluation", "summary", "curves"):
        table = read_table(tmp_path / "out", name)
        own = table[(table["task"] == "mab-gaussian") & (table["kind"] == "policy")]
        start = own[own["iteration"] == 0].drop(columns=["label"], errors="ignore")
        first = start[start["method"] == "rmft"].drop(columns="method").reset_index(drop=True)
        assert set(first["suite"]) == {"in-distribution", "horizon-2x", "sine"}
        for method in ("rmft-information", "random-k", "rmft-once"):
            same = start[start["method"] == method].drop(columns="method").reset_index(drop=True)
            pd.testing.assert_frame_equal(first, same)
    policies = 3 * 2 * (N + 1) + 2 * 2, 2 * N, 2  # of the three tasks, with the base policy once for each method
    rows = (
        3 * (policies[0] + len(synthetic.BASELINES)) + policies[1] + len(synthetic.RIVALS["fol-gaussian"]) + policies[2]
    )
    assert len(read_table(tmp_path / "out", "evaluation")) == 12 * rows


def test_selected_and_lucky(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    at = cells(results) / "rmft" / "seed1" / "iter1"
    kept = {json.loads(line)["trajectory_id"] for line in (at / "selected.jsonl").read_text().splitlines()}
    every = pd.read_parquet(at / "regret.parquet").set_index("trajectory_id")
    table = of_task(read_table(tmp_path / "out", "selected_regret"))
    here = table[(table["method"] == "rmft") & (table["seed"] == "1") & (table["iteration"] == 1)]
    assert len(here) == 20 and set(here.loc[here["selected"] == 1, "trajectory_id"]) == kept and len(kept) == 8
    chosen = of_task(read_table(tmp_path / "out", "selection")).set_index(["method", "seed", "iteration"])
    row = chosen.loc[("rmft", "1", 1)]
    assert row["lucky_all"] == pytest.approx(every["lucky"].mean())
    assert row["lucky_selected"] == pytest.approx(every.loc[sorted(kept), "lucky"].mean())
    assert row["regret_selected"] == pytest.approx(every.loc[sorted(kept), "regret"].mean())
    assert row["lucky_selected_low"] <= row["lucky_selected"] <= row["lucky_selected_high"]
    assert row["label"] == "rmft (k=2, oracle regret)"
    assert row["diversity"] == pytest.approx(every.groupby("scenario_id")["diversity"].mean().mean())
    assert row["diversity_low"] <= row["diversity"] <= row["diversity_high"]


def test_a_method_with_rollouts_of_its_own_is_read_from_its_own_cell(results: Path, tmp_path: Path) -> None:
    """``first`` says where the rollouts of policy_0 stand; those of one iteration are as many as of all iterations."""
    assert run(results, tmp_path / "out") == 0
    rows = of_task(read_table(tmp_path / "out", "selection")).set_index(["method", "seed", "iteration"])
    assert rows.loc["rmft-once"].index.tolist() == [("0", 0), ("1", 0), ("all", 0)]
    assert rows.loc[("rmft-once", "0", 0), ["trajectories", "selected"]].tolist() == [N * 20, N * 8]
    assert rows.loc[("rmft", "0", 0), ["trajectories", "selected"]].tolist() == [20, 8]
    own = pd.read_parquet(cells(results) / "rmft-once" / "seed0" / "iter0" / "regret.parquet")
    assert rows.loc[("rmft-once", "0", 0), "regret_all"] == pytest.approx(own["regret"].mean())
    base = pd.read_parquet(cells(results) / "base" / "seed0" / "iter0" / "regret.parquet")
    assert rows.loc[("random-k", "0", 0), "regret_all"] == pytest.approx(base["regret"].mean())
    (cells(results) / "rmft-once" / "seed0" / "iter0" / "regret.parquet").unlink()
    assert run(results, tmp_path / "other") == 1


def test_every_task_has_its_own_methods_seeds_and_iterations(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    for name in ("summary", "evaluation", "curves", "cells"):
        table = read_table(tmp_path / "out", name)
        own = table[table["kind"] == "policy"] if "kind" in table else table
        found = own[own["seed"] != "all"][["task", "method", "seed", "iteration"]].drop_duplicates()
        expected = [
            (r["task"], r["method"], str(r["seed"]), t) for r in synthetic.runs(N) for t in range(r["iterations"] + 1)
        ]
        assert sorted(found.itertuples(index=False, name=None)) == sorted(expected), name
    rivals = read_table(tmp_path / "out", "summary").query("kind == 'baseline'")
    counted = rivals.groupby("task")["method"].nunique().to_dict()
    assert counted == {"mab-gaussian": len(synthetic.BASELINES), "fol-gaussian": len(synthetic.ONLINE)}


def test_an_oracle_is_told_from_a_baseline(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    for name in ("summary", "curves", "evaluation"):
        table = read_table(tmp_path / "out", name)
        assert table.loc[table["kind"] == "oracle", "method"].unique().tolist() == list(synthetic.ORACLE)


def test_tasks_that_differ_only_in_how_they_are_told_are_alike() -> None:
    soft, told = synthetic.SOFT, {"interaction": "summary", "output": "distribution", "context": "clothes-shopping"}
    entries = {"a": soft, "b": soft | told, "c": soft | {"arms": 5}, "d": soft | {"arms": 5, "reasoning": "none"}}
    assert experiment.alike(entries) == {"a": "a", "b": "a", "c": "c", "d": "c"}
    assert [experiment.talk(entry) for entry in entries.values()] == [
        "dialogue, action, buttons",
        "summary, distribution, clothes-shopping",
        "dialogue, action, buttons",
        "dialogue, action, buttons, reasoning none",
    ]


def test_shares_of_answers_are_per_step(results: Path, tmp_path: Path) -> None:
    path = cells(results) / "rmft" / "seed0" / "iter1" / "evaluation.parquet"
    synthetic._keep(path, pd.read_parquet(path).assign(parse_failures=5, renormalised=10))
    assert run(results, tmp_path / "out") == 0
    rows = of_task(read_table(tmp_path / "out", "summary"), suite="horizon-2x").set_index(
        ["method", "seed", "iteration"]
    )
    assert rows.loc[("rmft", "0", 1), ["parse_failure_rate", "renormalised_rate", "horizon"]].tolist() == [
        0.125,
        0.25,
        40,
    ]


def test_what_is_not_known_stays_empty(results: Path, tmp_path: Path) -> None:
    """Information regret of a task or suite that has none: NaN in every table, and all else is there."""
    assert run(results, tmp_path / "out") == 0
    for name in ("summary", "evaluation"):
        table = read_table(tmp_path / "out", name)
        unknown = (table["suite"] == "sine") | (table["task"] == "ns-sine")
        assert unknown.any() and table["information_regret"].isna().equals(unknown)
        assert table["regret"].notna().all() and (table["variation"] > 0).equals(unknown)
    chosen = read_table(tmp_path / "out", "selection")
    unknown = chosen["task"] == "ns-sine"
    for column in ("information_regret_all", "information_regret_selected"):
        assert chosen[column].isna().equals(unknown)
    assert chosen["regret_selected"].notna().all()


def test_every_row_says_which_regret_it_is(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    table = read_table(tmp_path / "out", "summary")
    said = {(task, suite): kind for task, suite, kind in table[["task", "suite", "measure"]].itertuples(index=False)}
    assert said == {
        ("mab-gaussian", "in-distribution"): "pseudo-regret",
        ("mab-gaussian", "horizon-2x"): "pseudo-regret",
        ("mab-gaussian", "sine"): "dynamic regret",
        ("fol-gaussian", "in-distribution"): "external regret, realised",
        ("ns-sine", "in-distribution"): "dynamic regret",
    }


def test_calibration_stands_beside_the_published(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    table = read_table(tmp_path / "out", "calibration").set_index(["baseline", "statistic"])
    assert table.loc[("thompson-bernoulli", "suff_fail"), "published"] == 0.01
    assert table.loc[("ucb", "greedy_frac"), "published"] == 0.76
    assert table.loc[("random", "regret"), "published"] == 16
    assert np.isnan(table.loc[("random", "min_frac"), "published"])
    assert table.loc[("greedy", "median_reward"), "target"] == 0 and table.loc[("greedy", "regret"), "target"] == 1
    file = results / "baselines" / "mab-bernoulli-hard" / "ucb.parquet"
    rows = pd.read_parquet(file)
    assert table.loc[("ucb", "regret"), "ours"] == pytest.approx(rows["regret"].mean())
    assert table.loc[("ucb", "median_reward"), "ours"] == pytest.approx((rows["reward"].median() - 0.4) / 0.2)
    assert (table["low"] <= table["ours"]).all() and (table["ours"] <= table["high"]).all()


def test_published_values_belong_to_one_instance() -> None:
    greedy = {"policy": "greedy"}
    assert known_value(synthetic.HARD, greedy, "suff_fail") == 0.48
    assert np.isnan(known_value({**synthetic.HARD, "horizon": 50}, greedy, "suff_fail"))
    assert np.isnan(known_value(synthetic.SOFT, greedy, "suff_fail"))
    half = {"policy": "ucb", "constant": 0.5, "growth": "none"}
    assert np.isnan(known_value(synthetic.HARD, half, "regret"))


def test_reading_and_losses(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "out") == 0
    read = read_table(tmp_path / "out", "reading")
    assert set(read["model"]) == {"tiny"} and len(read) == 20
    assert read.groupby("task").size().to_dict() == {"mab-gaussian": 10, "fol-gaussian": 10}
    losses = read_table(tmp_path / "out", "learning_curves")
    assert len(losses[losses["stage"] == "pretrain"]) == 59
    trained = sum(run["iterations"] for run in synthetic.runs(N))
    assert len(losses[losses["stage"] == "sft"]) == trained * 4 * 2


def test_the_same_results_give_the_same_bytes(results: Path, tmp_path: Path) -> None:
    assert run(results, tmp_path / "a") == 0 and run(results, tmp_path / "b") == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 13 and all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )


def test_no_torch_is_imported() -> None:
    code = "import sys, rmft.stages.tables, rmft.stages.report, rmft.stages.summary; sys.exit('torch' in sys.modules)"
    package = Path(tables.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(package)}).returncode == 0


def test_the_reading_of_two_models_stands_in_one_table(results: Path) -> None:
    shutil.copytree(results / "models" / "tiny", results / "models" / "other")
    chosen = experiment.Selection(**synthetic.selection(N) | {"models": ["tiny", "other"]})
    table = reading(Reader(results, chosen))
    assert table["model"].unique().tolist() == ["tiny", "other"]
    assert (table["best_empirical_low"] < table["best_empirical"]).all()
