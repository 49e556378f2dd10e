"""What is learnt from: by which score, from which pool, played by whom, and which tokens."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rmft.core.policies import play
from rmft.core.prompts import Context
from rmft.core.tasks import Task, draw_episodes
from rmft.models.policy import read_policy
from rmft.stages import files

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
UCB = {"policy": "ucb", "constant": 1.0, "growth": "none"}


@pytest.fixture
def select(cell: Path, run_stage: Callable, tmp_path: Path) -> Callable[..., list[str]]:
    """The ids that a method selects from the cell's rollouts."""

    def run(**method: object) -> list[str]:
        source = {"trajectories": "0/trajectories.parquet", "regret": "0/regret.parquet"}
        made = {"output": tmp_path / "selected.jsonl", "summary": tmp_path / "selection.json"}
        run_stage("select", cell, **source, method={"name": "m", "k": 2, **method}, **made)
        return [json.loads(line)["trajectory_id"] for line in (tmp_path / "selected.jsonl").read_text().splitlines()]

    return run


@pytest.fixture
def scored(cell: Path) -> pd.DataFrame:
    """The cell's trajectories with their scores, the eligible ones alone."""
    scores = pd.read_parquet(cell / "0/regret.parquet").merge(
        pd.read_parquet(cell / "0/trajectories.parquet", columns=["trajectory_id", "actions", "rewards"]),
        on="trajectory_id",
    )
    return scores[scores["eligible"]]


def test_the_highest_rewards_of_all(select: Callable, scored: pd.DataFrame) -> None:
    """From the whole task: k x M of them, wherever they were played."""
    chosen = select(score="reward", pool="task")
    assert set(chosen) == set(scored.nlargest(2 * 8, "reward")["trajectory_id"])
    taken = scored[scored["trajectory_id"].isin(chosen)].groupby("scenario_id").size()
    assert taken.max() > 2  # scenarios that pay well have more


@pytest.mark.parametrize("pool", [{}, {"pool": "scenario"}])
def test_the_highest_rewards_of_each_scenario(select: Callable, scored: pd.DataFrame, pool: dict) -> None:
    best = scored.sort_values("reward", ascending=False).groupby("scenario_id").head(2)
    assert set(select(score="reward", **pool)) == set(best["trajectory_id"])


def rolling(actions: list[int], rewards: list[float], window: int) -> float:
    """The definition, step by step."""
    total = 0.0
    for t in range(len(actions)):
        last = range(max(0, t + 1 - window), t + 1)
        seen = {a: [rewards[s] for s in last if actions[s] == a] for a in {actions[s] for s in last}}
        total += max(np.mean(paid) for paid in seen.values()) - rewards[t]
    return total


@pytest.mark.parametrize("window", [1, 3, 10])
def test_the_lowest_rolling_regret(select: Callable, scored: pd.DataFrame, window: int) -> None:
    scores = [rolling(row.actions.tolist(), row.rewards.tolist(), window) for row in scored.itertuples()]
    if window == 1:
        assert scores == pytest.approx([0] * len(scores), abs=1e-9)  # what was seen at this step alone is never missed
    ranked = scored.assign(score=np.round(scores, 9)).sort_values("score")
    chosen = ranked["trajectory_id"].isin(select(score="rolling_regret", window=window))
    for _, rows in ranked.assign(chosen=chosen).groupby("scenario_id"):
        assert rows["chosen"].sum() == min(2, len(rows))
        assert rows.loc[rows["chosen"], "score"].max() <= rows.loc[~rows["chosen"], "score"].min()


def test_a_window_longer_than_the_episode_is_all_of_it(select: Callable) -> None:
    assert select(score="rolling_regret", window=6) == select(score="rolling_regret", window=600)


@pytest.fixture(scope="session")
def taught(
    cell: Path, task_entry: dict, sampling: dict, run_stage: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Rollouts in which UCB plays and speaks."""
    output = tmp_path_factory.mktemp("taught") / "trajectories.parquet"
    where = {"split": "train", "scenarios": 4, "trajectories_per_scenario": 3, "seed": 0, "method": "distil"}
    playing = {"task": task_entry, "contexts": CONTEXTS, "sampling": sampling, "model_name": "tiny"}
    run_stage("rollout", cell, policy="0/policy.json", teacher=UCB, **playing, **where, output=output)
    return output


def test_a_teacher_speaks_as_it_plays(taught: Path, task: Task, context: Context) -> None:
    drawn = {"split": "train", "seed": 0, "iteration": 0, "policy": "tiny/distil/0/0", "per_scenario": 3}
    did = play(UCB, task, draw_episodes(task, scenarios=range(4), **drawn))
    rows = files.read_table(taught, files.TRAJECTORIES).to_pylist()
    assert [row["actions"] for row in rows] == did.actions.tolist()
    assert [row["rewards"] for row in rows] == did.rewards.tolist()
    for row in rows:
        assert set(row["parse_status"]) == {"ok"} and row["status"] == "complete"
        replies = [message["content"] for message in json.loads(row["messages"])[1::2]]
        assert [context.parse(reply) for reply in replies] == row["actions"]
        for t, reply in enumerate(replies):
            untried = row["actions"][t] not in row["actions"][:t]
            assert ("not tried" in reply) == untried, reply
        assert sum(row["loss_mask"]) == row["tokens_sampled"] > 6


def test_another_teacher_plays_otherwise_on_the_same_scenarios(
    taught: Path, cell: Path, task_entry: dict, sampling: dict, run_stage: Callable
) -> None:
    output = taught.with_name("random.parquet")
    where = {"split": "train", "scenarios": 4, "trajectories_per_scenario": 3, "seed": 0, "method": "distil"}
    playing = {"task": task_entry, "contexts": CONTEXTS, "sampling": sampling, "model_name": "tiny"}
    run_stage("rollout", cell, policy="0/policy.json", teacher={"policy": "random"}, **playing, **where, output=output)
    ours, theirs = (files.read_table(path, files.TRAJECTORIES) for path in (taught, output))
    assert ours["mean_rewards"] == theirs["mean_rewards"] and ours["actions"] != theirs["actions"]


@pytest.fixture
def train(cell: Path, model_entry: dict, run_stage: Callable, tmp_path: Path) -> Callable[..., dict]:
    """policy.json and sft.json after fine-tuning on the cell's selection."""

    def run(name: str, **flags: object) -> dict:
        source = {"policy": "0/policy.json", "trajectories": "0/trajectories.parquet", "selected": "0/selected.jsonl"}
        settings = {"model": {"sft": model_entry["sft"]}, "seed": 0, "iteration": 1}
        run_stage("sft", cell, **{**source, **flags}, **settings, output=tmp_path / name / "policy.json")
        record = json.loads((tmp_path / name / "sft.json").read_text())
        return record | {"policy": read_policy(tmp_path / name / "policy.json")}

    return run


def test_the_answers_alone_are_learnt(train: Callable) -> None:
    """The same conversations, of which other tokens count: another loss, another policy, and the file says so."""
    everything, answers = train("all", targets="all"), train("answer", targets="answer")
    assert everything["train_conversations"] == answers["train_conversations"]
    losses = [run["curve"][0]["validation_loss"] for run in (everything, answers)]
    assert None not in losses and losses[0] != losses[1]
    assert answers["policy"].digest != everything["policy"].digest
    assert [run["policy"].made_by["targets"] for run in (everything, answers)] == ["all", "answer"]
    assert train("default")["policy"].digest == everything["policy"].digest


def test_a_teachers_words_are_learnt(
    train: Callable, taught: Path, task_entry: dict, cell: Path, run_stage: Callable, tmp_path: Path
) -> None:
    regret, selected = tmp_path / "regret.parquet", tmp_path / "selected.jsonl"
    run_stage("score", cell, trajectories=taught, task=task_entry, output=regret)
    method = {"name": "distil", "score": "random", "k": 2, "teacher": "ucb"}
    made = {"output": selected, "summary": tmp_path / "selection.json"}
    run_stage("select", cell, trajectories=taught, regret=regret, method=method, **made)
    assert pd.read_parquet(regret)["eligible"].all()
    record = train("distilled", trajectories=taught, selected=selected)
    assert record["train_conversations"] + record["validation_conversations"] == 4 * 2
    assert record["curve"][-1]["train_loss"] < record["curve"][1]["train_loss"]
