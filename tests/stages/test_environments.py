"""A task in summary interaction, and one of full information answered by shares, through all stages of an iteration."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import AutoTokenizer

from rmft.core.contexts import context_from_config
from rmft.core.prompts import Context
from rmft.core.tasks import draw_episodes, task_from_config
from rmft.stages import files

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
SCENARIOS, EACH = 4, 4


@pytest.fixture(scope="session", params=["told", "shares"])
def entry(request: pytest.FixtureRequest) -> dict:
    """The entry of one of the two tasks."""
    return request.getfixturevalue(f"{request.param}_task")


@pytest.fixture(scope="session")
def words(entry: dict, wording: dict) -> Context:
    """The buttons, as the task words them."""
    how = {key: entry.get(key, default) for key, default in (("interaction", "dialogue"), ("output", "action"))}
    return context_from_config(wording, arms=3, environment=entry["environment"], **how)


@pytest.fixture(scope="session")
def loop(
    entry: dict,
    worldly: Path,
    sampling: dict,
    model_entry: dict,
    run_stage: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder in which an iteration of the task was run."""
    folder = tmp_path_factory.mktemp(entry["name"])
    playing = {"task": entry, "contexts": CONTEXTS, "sampling": sampling, "model_name": "tiny", "seed": 0}
    rolled = {"split": "train", "scenarios": SCENARIOS, "trajectories_per_scenario": EACH, "method": "base"}
    parent, trajectories = {"policy": worldly / "policy.json"}, {"trajectories": folder / "trajectories.parquet"}
    method = {"name": "rmft", "score": "regret", "k": 2}
    chosen = {"output": folder / "selected.jsonl", "summary": folder / "selection.json"}
    gentle = model_entry["sft"] | {"epochs": 8, "learning_rate": 0.001}  # the loss falls whatever the CPU rounds
    training = {"model": {"sft": gentle}, "seed": 0, "iteration": 1}
    judged = {"split": "heldout", "scenarios": 3, "method": "rmft"}
    run_stage("rollout", folder, **parent, **playing, **rolled, output=folder / "trajectories.parquet")
    run_stage("score", folder, **trajectories, task=entry, output=folder / "regret.parquet")
    run_stage("select", folder, **trajectories, regret=folder / "regret.parquet", method=method, **chosen)
    selected = {"selected": folder / "selected.jsonl"}
    run_stage("sft", folder, **parent, **trajectories, **selected, **training, output=folder / "policy.json")
    run_stage("rollout", folder, policy="policy.json", **playing, **judged, output=folder / "heldout.parquet")
    run_stage("evaluate", folder, heldout="heldout.parquet", task=entry, output=folder / "evaluation.parquet")
    return folder


def rolled_out(loop: Path) -> list[dict]:
    return files.read_table(loop / "trajectories.parquet", files.TRAJECTORIES).to_pylist()


def replies(row: dict) -> list[str]:
    return [m["content"] for chat in files.chats(row["messages"]) for m in chat if m["role"] == "assistant"]


def test_the_model_reads_most_of_what_its_crowd_played(loop: Path, worldly: Path) -> None:
    """Else the tests below would test refusals; and reading.csv has a part for each task of the crowd."""
    assert pd.read_parquet(loop / "regret.parquet")["eligible"].mean() > 0.5
    read = pd.read_csv(worldly / "models/reading.csv")
    assert set(read["task"]) == {"small", "told", "shares"}
    assert read.groupby("task")["steps_seen"].nunique().tolist() == [2, 2, 2]


def test_a_summary_is_a_conversation_for_each_step(loop: Path, entry: dict) -> None:
    summary = entry.get("interaction") == "summary"
    for row in rolled_out(loop):
        chats, conversations = files.chats(row["messages"]), entry["horizon"] if summary else 1
        assert len(chats) == len(row["chat_tokens"]) == conversations
        assert sum(row["chat_tokens"]) == len(row["token_ids"]) == len(row["loss_mask"])
        assert isinstance(json.loads(row["messages"])[0], list if summary else dict)
        for step, chat in enumerate(chats if summary else []):
            assert f"Press {step + 1} of {entry['horizon']}." in chat[0]["content"]


def test_a_summary_says_what_was_played_and_nothing_hidden(loop: Path, entry: dict, words: Context) -> None:
    if entry.get("interaction") != "summary":
        assert {files.chats(row["messages"])[0][0]["content"] for row in rolled_out(loop)} == {words.opening(6)}
        return
    for row in rolled_out(loop):
        actions, rewards = np.array(row["actions"]), np.array(row["rewards"])
        for step, chat in enumerate(files.chats(row["messages"])):
            pulls = np.bincount(actions[:step], minlength=3)
            sums = np.bincount(actions[:step], weights=rewards[:step], minlength=3)
            averages = sums / np.maximum(pulls, 1)
            assert chat[0]["content"] == words.summary(step + 1, 6, pulls.tolist(), averages.tolist())


def test_tokens_are_those_of_the_messages(loop: Path, worldly: Path) -> None:
    """Token by token what the chat template makes of the messages: of every conversation, up to its last end token."""
    tokenizer = AutoTokenizer.from_pretrained(worldly / "models")
    for row in rolled_out(loop)[:4]:
        ends = np.cumsum(row["chat_tokens"])
        for chat, start, end in zip(files.chats(row["messages"]), [0, *ends[:-1]], ends, strict=True):
            text = tokenizer.apply_chat_template(chat, tokenize=False)
            said = tokenizer.decode(row["token_ids"][start:end])
            assert said.rstrip("\n") == text.rstrip("\n")


def test_shares_are_what_was_said_and_the_action_is_drawn_from_them(loop: Path, entry: dict, words: Context) -> None:
    if entry.get("output") != "distribution":
        assert all(row["policies"] == [] for row in rolled_out(loop))
        return
    for row in rolled_out(loop):
        said = [reading.policy for reading in map(words.read, replies(row)) if reading]
        kept = [pi for pi, status in zip(row["policies"], row["parse_status"], strict=True) if status != "fallback"]
        assert [list(pi) for pi in said] == kept
        assert np.allclose(np.sum(row["policies"], axis=1), 1)
        assert all(pi[action] > 0 for pi, action in zip(row["policies"], row["actions"], strict=True))


def test_full_information_shows_what_the_environment_drew(loop: Path, entry: dict) -> None:
    task = task_from_config(entry["name"], {key: value for key, value in entry.items() if key != "name"})
    drawn = {"split": "train", "seed": 0, "iteration": 0, "policy": "tiny/base/0/0", "per_scenario": EACH}
    episodes = draw_episodes(task, scenarios=range(SCENARIOS), **drawn)
    rows = rolled_out(loop)
    rewards = np.array([row["rewards"] for row in rows])
    actions = np.array([row["actions"] for row in rows])
    assert (rewards == np.take_along_axis(episodes.rewards, actions[:, :, None], axis=2)[:, :, 0]).all()
    if entry["environment"] == "fol":
        assert (np.array([row["reward_vectors"] for row in rows]) == episodes.rewards).all()
        for row in rows[:4]:  # and says it, to two decimals
            first = json.loads(row["messages"])[2]["content"] if row["parse_status"][0] == "ok" else ""
            assert not first or f"A {row['reward_vectors'][0][0]:.2f}, B " in first
    else:
        assert all(row["reward_vectors"] == [] for row in rows)


def test_the_regret_is_that_of_the_environment(loop: Path, entry: dict) -> None:
    scores = pd.read_parquet(loop / "regret.parquet")
    for row, curve in zip(rolled_out(loop), scores["curve"], strict=True):
        if entry["environment"] == "fol":
            paid = np.array(row["reward_vectors"])
            lost = paid.cumsum(axis=0).max(axis=1) - (np.array(row["policies"]) * paid).sum(axis=1).cumsum()
        else:
            means = np.array(row["mean_rewards"][0])
            lost = (means.max() - means[row["actions"]]).cumsum()
        assert np.allclose(curve, lost)
    assert np.isfinite(scores["information_regret"]).all()
    assert not (entry["environment"] == "fol" and scores["lucky"].any())


def test_a_selected_trajectory_is_a_line_for_each_conversation(loop: Path, entry: dict) -> None:
    lines = [json.loads(line) for line in (loop / "selected.jsonl").read_text().splitlines()]
    each = entry["horizon"] if entry.get("interaction") == "summary" else 1
    ids = [line["trajectory_id"] for line in lines]
    selection = json.loads((loop / "selection.json").read_text())
    assert len(lines) == each * selection["selected"] and len(set(ids)) == selection["selected"]
    by_id = {row["trajectory_id"]: files.chats(row["messages"]) for row in rolled_out(loop)}
    for name in set(ids):
        assert [line["messages"] for line in lines if line["trajectory_id"] == name] == by_id[name]
    record = json.loads((loop / "sft.json").read_text())
    assert record["train_conversations"] + record["validation_conversations"] == len(lines)
    assert record["curve"][-1]["train_loss"] < record["curve"][1]["train_loss"]


def test_the_new_policy_is_evaluated_on_the_same_kind_of_task(loop: Path, entry: dict) -> None:
    heldout = files.read_table(loop / "heldout.parquet", files.HELDOUT).to_pylist()
    measured = files.read_table(loop / "evaluation.parquet", files.EVALUATION).to_pylist()
    assert [row["scenario_id"] for row in measured] == [row["scenario_id"] for row in heldout]
    assert len(measured) == 3
    for row, seen in zip(measured, heldout, strict=True):
        status = seen["parse_status"]
        assert row["parse_failures"] == len(status) - status.count("ok") - status.count("renormalised")
        assert row["renormalised"] == status.count("renormalised")
        assert len(row["curve"]) == entry["horizon"] and row["curve"][-1] == row["regret"]
