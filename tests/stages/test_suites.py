"""A policy held out on its task and on suites: what every suite shares with the task, and what is its own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rmft.core.information import information_regret, knowable
from rmft.core.tasks import draw_heldout, task_from_config, under_suite
from rmft.stages import files

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
SUITES = {
    "longer": {"horizon_times": 2},
    "four": {"more_arms": 1},
    "coins": {"rewards": {"kind": "bernoulli"}},
    "swing": {"drift": {"kind": "sine", "amplitude": 0.2, "period": 4}},
    "told": {"interaction": "summary"},
}
ALL = ["in-distribution", *SUITES]
SIZE = 5


def entry_of(task_entry: dict, suite: str) -> dict:
    return under_suite(task_entry, SUITES[suite]) if suite in SUITES else task_entry


@pytest.fixture(scope="session")
def judged(
    cell: Path, task_entry: dict, sampling: dict, run_stage: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """heldout.parquet and evaluation.parquet of policy_1 on five scenarios under every suite, by chunks of two."""
    folder = tmp_path_factory.mktemp("suites")
    playing = {"contexts": CONTEXTS, "sampling": sampling | {"chunk_episodes": 2}, "model_name": "tiny", "seed": 0}
    what = {"task": task_entry, "suites": SUITES}
    where = {"policy": "1/policy.json", "method": "m", "split": "heldout", "scenarios": SIZE}
    run_stage("rollout", cell, **what, **playing, **where, output=folder / "heldout.parquet")
    run_stage("evaluate", cell, **what, heldout=folder / "heldout.parquet", output=folder / "evaluation.parquet")
    return folder


@pytest.fixture(scope="session")
def played(judged: Path) -> dict[str, list[dict]]:
    rows = files.read_table(judged / "heldout.parquet", files.HELDOUT).to_pylist()
    return {suite: [row for row in rows if row["suite"] == suite] for suite in ALL}


@pytest.fixture(scope="session")
def measured(judged: Path) -> dict[str, list[dict]]:
    rows = files.read_table(judged / "evaluation.parquet", files.EVALUATION).to_pylist()
    return {suite: [row for row in rows if row["suite"] == suite] for suite in ALL}


def test_every_suite_has_its_rows_in_order_after_the_task_itself(judged: Path) -> None:
    for name in ("heldout", "evaluation"):
        table = pd.read_parquet(judged / f"{name}.parquet", columns=["suite", "scenario_id"])
        assert table["suite"].tolist() == [suite for suite in ALL for _ in range(SIZE)]
        assert table["scenario_id"].tolist() == [f"evaluation-0-0-{s}" for s in range(SIZE)] * len(ALL)


@pytest.mark.parametrize("suite", ALL)
def test_a_row_names_the_task_that_it_was_played_on(played: dict, task_entry: dict, suite: str) -> None:
    entry = entry_of(task_entry, suite)
    task = task_from_config("small", {key: value for key, value in entry.items() if key != "name"})
    episodes = draw_heldout(task, policy="tiny/m/0/1", scenarios=range(SIZE))
    for i, row in enumerate(played[suite]):
        assert json.loads(row["task"]) == entry
        assert (row["arms"], row["horizon"]) == (entry["arms"], entry["horizon"]) == (task.arms, len(row["actions"]))
        assert row["mean_rewards"] == episodes.mean_rewards[i].tolist()
        acted = [(t, a) for t, a in enumerate(row["actions"]) if a >= 0]
        assert acted and all(row["rewards"][t] == episodes.rewards[i, t, a] for t, a in acted)


def test_scenarios_are_common(played: dict) -> None:
    """The arms' means of a suite are those of the task, and more of them where it has more; the policy's seeds too."""
    own = [np.array(row["mean_rewards"]) for row in played["in-distribution"]]
    for suite in ("longer", "coins", "told"):
        assert all((mean == row["mean_rewards"]).all() for mean, row in zip(own, played[suite], strict=True))
    assert all(
        (mean == np.array(row["mean_rewards"])[:, :3]).all() for mean, row in zip(own, played["four"], strict=True)
    )
    for mean, row in zip(own, played["swing"], strict=True):  # a swing about them, whose period is 4 steps
        assert np.allclose(np.array(row["mean_rewards"])[:4].mean(axis=0), mean[0])
    seeds = {suite: [row["episode_seed"] for row in rows] for suite, rows in played.items()}
    assert all(seeds[suite] == seeds["in-distribution"] for suite in SUITES)


def test_in_distribution_is_what_is_played_without_suites(judged: Path, cell: Path) -> None:
    with_suites = pd.read_parquet(judged / "heldout.parquet").iloc[:SIZE]
    alone = pd.read_parquet(cell / "1/heldout.parquet").iloc[:SIZE]
    for name in ("actions", "rewards", "messages", "task"):
        assert list(map(str, with_suites[name])) == list(map(str, alone[name])), name


def test_rewards_of_coins_are_0_or_1_and_a_summary_is_many_chats(played: dict) -> None:
    assert {reward for row in played["coins"] for reward in row["rewards"]} <= {0.0, 1.0}
    assert [len(json.loads(row["messages"])) for row in played["told"]] == [
        len(r["chat_tokens"]) for r in played["told"]
    ]
    assert all(isinstance(json.loads(row["messages"])[0], dict) for row in played["longer"])


@pytest.mark.parametrize("suite", ALL)
def test_a_suite_is_measured_by_its_own_task(played: dict, measured: dict, task_entry: dict, suite: str) -> None:
    """Regret of its own means, halves of its own horizon, fractions of its own arms."""
    entry = entry_of(task_entry, suite)
    arms, horizon = entry["arms"], entry["horizon"]
    for row, found in zip(played[suite], measured[suite], strict=True):
        means = np.broadcast_to(np.array(row["mean_rewards"]), (horizon, arms))
        actions, steps = np.array(row["actions"]), np.arange(horizon)
        had = np.where(actions < 0, means.min(axis=1), means[steps, actions])
        assert np.allclose(found["curve"], (means.max(axis=1) - had).cumsum())
        assert found["regret"] == found["curve"][-1]
        best = means[horizon // 2 :].sum(axis=0).argmax()
        assert found["suff_fail"] == (best not in actions[horizon // 2 :])
        counts = np.bincount(actions[actions >= 0], minlength=arms)
        assert found["min_frac"] == pytest.approx(arms * counts.min() / horizon)
        assert found["coverage"] == pytest.approx((counts > 0).mean())
        assert found["reward"] == pytest.approx(np.mean(row["rewards"]))
        moved = np.abs(np.diff(means, axis=0)).max(axis=1).sum()
        assert found["variation"] == pytest.approx(moved) and (moved > 0) == (suite == "swing")


def test_information_regret_is_that_of_the_suite_or_nothing(judged: Path, measured: dict, task_entry: dict) -> None:
    table = files.read_table(judged / "heldout.parquet", files.HELDOUT)
    for i, suite in enumerate(ALL):
        entry = {key: value for key, value in entry_of(task_entry, suite).items() if key != "name"}
        task, found = task_from_config("small", entry), np.array([row["information_regret"] for row in measured[suite]])
        if suite == "swing":
            assert knowable(task) and np.isnan(found).all()
        else:
            rows = table.slice(i * SIZE, SIZE)
            assert found == pytest.approx(information_regret(task, files.plays(rows, judged)))


@pytest.fixture(scope="session")
def baseline(
    task_entry: dict, run_stage: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., pd.DataFrame]:
    """The evaluation of a baseline, by its entry."""

    def play(entry: dict, task: dict = task_entry, episodes: int = SIZE, **flags: object) -> pd.DataFrame:
        output = tmp_path_factory.mktemp("baseline") / "evaluation.parquet"
        run_stage("baseline", output.parent, task=task, baseline=entry, episodes=episodes, output=output, **flags)
        return pd.read_parquet(output)

    return play


def test_a_baseline_plays_the_same_scenarios_under_every_suite(baseline: Callable, measured: dict) -> None:
    table = baseline({"name": "oracle", "policy": "per_step_oracle"}, suites=SUITES)
    assert table["suite"].tolist() == [row["suite"] for rows in measured.values() for row in rows]
    assert table["scenario_id"].tolist() == [row["scenario_id"] for rows in measured.values() for row in rows]
    assert table["regret"].abs().max() < 1e-9  # it knows every step's best arm, under every suite
    moved = [row["variation"] for row in measured["swing"]]
    assert table.loc[table["suite"] == "swing", "variation"].tolist() == pytest.approx(moved)


def test_a_baseline_plays_its_task_alike_with_suites_and_without(baseline: Callable) -> None:
    entry = {"name": "ucb", "policy": "ucb", "constant": 1.0, "growth": "none"}
    alone, beside = baseline(entry), baseline(entry, suites=SUITES)
    pd.testing.assert_frame_equal(alone, beside.iloc[:SIZE])
    first = np.stack(beside.loc[beside["suite"] == "longer", "curve"].to_list())[:, :6]
    assert (first == np.stack(alone["curve"].to_list())).all()  # 2T steps begin with the T


def test_baselines_know_full_information(baseline: Callable, shares_task: dict) -> None:
    """No arm is better in hindsight than the best of hindsight; hedging is better than chance."""
    best = baseline({"name": "best", "policy": "best_fixed_arm"}, shares_task, 200)
    assert best["regret"].abs().max() < 1e-9
    hedge = baseline({"name": "hedge", "policy": "hedge", "eta": 2.0}, shares_task, 200)
    chance = baseline({"name": "random", "policy": "random"}, shares_task, 200)
    assert hedge["regret"].mean() < 0.8 * chance["regret"].mean()
    assert not best["lucky"].any()
