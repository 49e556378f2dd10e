"""Following a drift: from held-out episodes and baselines to tracking.csv."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rmft.core.policies import play
from rmft.core.regret import regret_curve
from rmft.core.tasks import draw_heldout, task_from_config
from rmft.stages import files, tracking
from rmft.stages.table_columns import COLUMNS

ENTRY = {
    "environment": "ns-mab",
    "arms": 3,
    "horizon": 10,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "drift": {"kind": "abrupt", "hazard": 0.2},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}
TASK = task_from_config("moving", ENTRY)
POLICIES = {"best": {"policy": "per_step_oracle"}, "greedy": {"policy": "greedy"}, "random": {"policy": "random"}}
EPISODES = 40
BLANK = {"string": "", "int32": 0, "int64": 0, "uint64": 0}
ROW = {"model": "", "task": "moving", "kind": "baseline", "seed": "all", "iteration": pd.NA, "suite": "in-distribution"}


def rows() -> list[dict]:
    """A policy with two seeds, pooled too, and three baselines."""
    own = ROW | {"model": "tiny", "kind": "policy", "method": "rmft", "label": "rmft (k=2)"}
    found = [own | {"seed": seed, "iteration": t} for seed in ("0", "1", "all") for t in (0, 1)]
    return found + [ROW | {"method": name, "label": name} for name in POLICIES]


def heldout(path: Path, entry: dict) -> None:
    """A cell's held-out file: the task as it stands, and a suite that must not be counted."""
    episodes = draw_heldout(TASK, policy="x", scenarios=range(EPISODES))
    did = play(entry, TASK, episodes)
    empty = {field.name: [BLANK.get(str(field.type), [])] * EPISODES for field in files.HELDOUT}
    told = {"actions": list(did.actions), "rewards": list(did.rewards), "mean_rewards": files.lists(did.means)}
    none = {"policies": [[]] * EPISODES, "reward_vectors": [[]] * EPISODES, "task": [json.dumps(ENTRY)] * EPISODES}
    sizes = {"arms": [3] * EPISODES, "horizon": [10] * EPISODES}
    parts = [
        pa.table(empty | told | none | sizes | {"suite": [suite] * EPISODES}, schema=files.HELDOUT)
        for suite in ("in-distribution", "horizon-2x")
    ]
    files.write_table(path, pa.concat_tables(parts))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The first seed plays greedily and the second at random; after training both know the best arm."""
    results = tmp_path_factory.mktemp("results")
    pd.DataFrame(rows()).assign(episodes=EPISODES).to_csv(results / "summary.csv", index=False)
    told = {
        "tasks": {"moving": {"in-distribution": ENTRY}, "still": {"in-distribution": ENTRY | {"environment": "mab"}}}
    }
    (results / "experiment.json").write_text(json.dumps(told))
    for seed, before in enumerate(("greedy", "random")):
        for method, t, name in (("base", 0, before), ("rmft", 1, "best")):
            path = results / f"cells/tiny/moving/{method}/seed{seed}/iter{t}/heldout.parquet"
            heldout(path, POLICIES[name])
    for name, entry in POLICIES.items():
        files.write_text(results / f"baselines/moving/{name}.json", json.dumps({"entry": entry}))
    flags = ["--tables", str(results), "--results", str(results), "--output", str(results / "tracking.csv")]
    assert tracking.main(flags) == 0
    return pd.read_csv(results / "tracking.csv", dtype={"seed": str, "iteration": "Int64"})


def test_who_knows_the_best_arm_plays_it(table: pd.DataFrame) -> None:
    knows = table[(table["method"] == "best") | (table["iteration"] == 1)]
    assert len(knows) == 4 * (10 + 6)
    by_step = knows[knows["clock"] == "step"]
    assert (by_step[["best", "best_low", "best_high"]] == 1).all(axis=None) and (by_step["former"] == 0).all()
    since = knows[knows["clock"] == "since"]
    assert since["step"].unique().tolist() == [-2, -1, 0, 1, 2, 3]
    assert (since.loc[since["step"] == 0, "best"] == 1).all() and (since.loc[since["step"] == -1, "former"] == 1).all()


@pytest.mark.parametrize("name", POLICIES)
def test_the_best_arm_costs_no_regret(table: pd.DataFrame, name: str) -> None:
    """The share that plays it is the share of steps without regret."""
    did = play(POLICIES[name], TASK, draw_heldout(TASK, policy=name, scenarios=range(EPISODES)))
    steps = np.diff(regret_curve("ns-mab", did), axis=1, prepend=0)
    own = table[(table["method"] == name) & (table["clock"] == "step")]
    np.testing.assert_allclose(own["best"], (np.abs(steps) < 1e-9).mean(axis=0), atol=1e-6)


def test_seeds_are_pooled_and_a_cell_is_its_own_row(table: pd.DataFrame) -> None:
    base = table[(table["kind"] == "policy") & (table["iteration"] == 0) & (table["clock"] == "step")]
    by_seed = base.pivot(index="step", columns="seed", values="best")
    np.testing.assert_allclose(by_seed["all"], (by_seed["0"] + by_seed["1"]) / 2, atol=1e-6)
    own = play(POLICIES["greedy"], TASK, draw_heldout(TASK, policy="x", scenarios=range(EPISODES)))
    steps = np.diff(regret_curve("ns-mab", own), axis=1, prepend=0)
    np.testing.assert_allclose(by_seed["0"], (np.abs(steps) < 1e-9).mean(axis=0), atol=1e-6)
    assert (base["best_low"] <= base["best"]).all() and (base["best"] <= base["best_high"]).all()


def test_without_a_moving_task_there_is_a_header(tmp_path: Path) -> None:
    pd.DataFrame(rows()).assign(episodes=EPISODES).to_csv(tmp_path / "summary.csv", index=False)
    still = {"tasks": {"moving": {"in-distribution": ENTRY | {"environment": "mab"}}}}
    (tmp_path / "experiment.json").write_text(json.dumps(still))
    flags = ["--tables", str(tmp_path), "--results", str(tmp_path), "--output", str(tmp_path / "tracking.csv")]
    assert tracking.main(flags) == 0
    assert (tmp_path / "tracking.csv").read_text() == ",".join(COLUMNS["tracking"]) + "\n"


def test_a_missing_cell_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pd.DataFrame(rows()).assign(episodes=EPISODES).to_csv(tmp_path / "summary.csv", index=False)
    told = {"tasks": {"moving": {"in-distribution": ENTRY}}}
    (tmp_path / "experiment.json").write_text(json.dumps(told))
    flags = ["--tables", str(tmp_path), "--results", str(tmp_path), "--output", str(tmp_path / "tracking.csv")]
    assert tracking.main(flags) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "base/seed0/iter0/heldout.parquet: cannot be read" in error
