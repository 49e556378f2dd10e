"""The stages as programs, one after the other: what their files hold, and that a second run writes the same bytes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import entropy
from transformers import AutoModelForCausalLM

from rmft.core.information import information_regret
from rmft.core.prompts import Context
from rmft.core.tasks import Task, draw_episodes, draw_heldout
from rmft.core.trajectory import Play
from rmft.models.policy import read_policy


def table(path: Path) -> pa.Table:
    return pq.read_table(path)


def columns(path: Path, *names: str) -> tuple[np.ndarray, ...]:
    read = pq.read_table(path, columns=list(names))
    return tuple(np.array(read[name].to_pylist()) for name in names)


@pytest.mark.parametrize("name", ["0/trajectories.parquet", "1/heldout.parquet"])
def test_a_trajectory_is_whole_and_agrees_with_itself(
    cell: Path, context: Context, task: Task, task_entry: dict, name: str
) -> None:
    for row in table(cell / name).to_pylist():
        assert json.loads(row["task"]) == task_entry
        assert len(row["actions"]) == len(row["rewards"]) == len(row["parse_status"]) == row["horizon"] == task.horizon
        assert len(row["token_ids"]) == len(row["loss_mask"]) == row["tokens_prompt"] + row["tokens_sampled"]
        assert sum(row["loss_mask"]) == row["tokens_sampled"]
        assert row["chat_tokens"] == [len(row["token_ids"])]
        assert row["policies"] == row["reward_vectors"] == []
        assert row["status"] == "complete"
        messages = json.loads(row["messages"])
        assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2)
        read = [context.parse(message["content"]) for message in messages[1::2]]
        said = [action for action in read if action is not None]
        chosen = [a for a, status in zip(row["actions"], row["parse_status"], strict=True) if status != "fallback"]
        assert said == chosen


TRAINING = {"split": "train", "seed": 0, "iteration": 0, "policy": "tiny/base/0/0", "per_scenario": 4}
DRAWN = {
    "0/trajectories.parquet": lambda task: draw_episodes(task, scenarios=range(8), **TRAINING),
    "1/heldout.parquet": lambda task: draw_heldout(task, policy="tiny/m/0/1", scenarios=range(16)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_rewards_are_those_of_the_environment(cell: Path, task: Task, name: str) -> None:
    episodes = DRAWN[name](task)
    actions, rewards, means = columns(cell / name, "actions", "rewards", "mean_rewards")
    assert table(cell / name)["trajectory_id"].to_pylist() == episodes.trajectory_ids
    assert table(cell / name)["episode_seed"].to_pylist() == episodes.seeds.tolist()
    assert (means == episodes.mean_rewards).all()
    assert (rewards == np.take_along_axis(episodes.rewards, actions[:, :, None], axis=2)[:, :, 0]).all()


def test_rollouts_of_one_scenario_differ(cell: Path) -> None:
    played = table(cell / "0/trajectories.parquet").select(["scenario_id", "token_ids"]).to_pylist()
    assert len({(row["scenario_id"], *row["token_ids"]) for row in played}) > 24


def test_scores_are_the_trajectories_own(cell: Path, task: Task) -> None:
    actions, rewards, means = columns(cell / "0/trajectories.parquet", "actions", "rewards", "mean_rewards")
    regret, informed, reward, curve = columns(
        cell / "0/regret.parquet", "regret", "information_regret", "reward", "curve"
    )
    lost = means.max(axis=2) - np.take_along_axis(means[:, 0], actions, axis=1)
    assert np.allclose(curve, lost.cumsum(axis=1))
    assert np.allclose(regret, lost.sum(axis=1))
    assert np.allclose(reward, rewards.mean(axis=1))
    assert np.allclose(informed, information_regret(task, Play(actions, rewards, means)))


def test_the_best_are_selected_in_every_scenario(cell: Path, method: dict) -> None:
    scores = table(cell / "0/regret.parquet").to_pandas()
    messages = {row["trajectory_id"]: row["messages"] for row in table(cell / "0/trajectories.parquet").to_pylist()}
    lines = [json.loads(line) for line in (cell / "0/selected.jsonl").read_text().splitlines()]
    assert all(set(line) == {"messages", "trajectory_id", "regret"} for line in lines)
    assert all(line["messages"] == json.loads(messages[line["trajectory_id"]]) for line in lines)
    chosen = scores["trajectory_id"].isin([line["trajectory_id"] for line in lines])
    assert scores["eligible"][chosen].all()
    for _, rows in scores[scores["eligible"]].assign(chosen=chosen).groupby("scenario_id"):
        ranked = rows.sort_values(method["score"])["chosen"].to_numpy()
        assert ranked[: method["k"]].all()
        assert not ranked[method["k"] :].any()
    summary = json.loads((cell / "0/selection.json").read_text())
    assert summary["trajectories"] == 32
    assert summary["selected"] == len(lines) == chosen.sum()
    assert summary["regret_all"] == pytest.approx(scores["regret"].mean())
    assert summary["information_regret_selected"] == pytest.approx(scores["information_regret"][chosen].mean())
    assert summary["lucky_selected"] == pytest.approx(scores["lucky"][chosen].mean())
    assert set(summary) >= {
        "score",
        "k",
        "lucky_all",
        "regret_selected",
        "information_regret_all",
        "suff_fail_selected",
    }


def test_the_new_policy_names_its_parent_and_its_weights(cell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cell)
    parent, policy = read_policy(Path("0/policy.json")), read_policy(Path("1/policy.json"))
    assert (parent.iteration, policy.iteration) == (0, 1)
    assert policy.parent == "0/policy.json"
    assert policy.digest != parent.digest
    record = json.loads((cell / "1/sft.json").read_text())
    assert (
        record["train_conversations"] + record["validation_conversations"]
        == json.loads((cell / "0/selection.json").read_text())["selected"]
    )
    assert record["curve"][-1]["train_loss"] < record["curve"][1]["train_loss"]
    model = AutoModelForCausalLM.from_pretrained(policy.model)
    assert model.config.model_type == "qwen3"


def test_evaluation_measures_the_heldout_episodes(cell: Path) -> None:
    heldout, measured = table(cell / "1/heldout.parquet"), table(cell / "1/evaluation.parquet")
    assert measured["scenario_id"].to_pylist() == heldout["scenario_id"].to_pylist()
    assert measured["episode"].to_pylist() == list(range(16))
    assert set(measured["suite"].to_pylist()) == {"in-distribution"}
    failures = [sum(status != "ok" for status in row) for row in heldout["parse_status"].to_pylist()]
    assert measured["parse_failures"].to_pylist() == failures
    assert set(measured["renormalised"].to_pylist()) == set(measured["variation"].to_pylist()) == {0}
    actions, means = columns(cell / "1/heldout.parquet", "actions", "mean_rewards")
    best = means[:, 0].argmax(axis=1)
    assert measured["suff_fail"].to_pylist() == [b not in row[3:] for row, b in zip(actions, best, strict=True)]
    counts = (actions[:, :, None] == np.arange(3)).sum(axis=1)
    assert measured["coverage"].to_pylist() == pytest.approx((counts > 0).mean(axis=1))
    assert measured["min_frac"].to_pylist() == pytest.approx(3 * counts.min(axis=1) / 6)
    never = measured["suff_fail_curve"].to_pylist()
    assert never == [[b not in row[t:] for t in range(6)] for row, b in zip(actions, best, strict=True)]
    assert measured["entropy"].to_pylist() == pytest.approx(entropy(counts, base=3, axis=1))
    assert np.isnan(measured["policy_entropy"].to_pylist()).all()  # actions alone are known
    for tokens in ("tokens_prompt", "tokens_sampled"):
        assert measured[tokens].to_pylist() == heldout[tokens].to_pylist()


def test_diversity_is_that_of_the_rollouts_of_a_scenario(cell: Path) -> None:
    scored = table(cell / "0/regret.parquet").to_pylist()
    (actions,) = columns(cell / "0/trajectories.parquet", "actions")
    here = [i for i, row in enumerate(scored) if row["scenario_id"] == scored[0]["scenario_id"]]
    others = [(actions[0] != actions[i]).mean() for i in here[1:]]
    assert scored[0]["diversity"] == pytest.approx(np.mean(others))


def test_heldout_scenarios_are_no_training_scenarios(cell: Path) -> None:
    (train,), (heldout,) = (
        columns(cell / name, "mean_rewards") for name in ("0/trajectories.parquet", "1/heldout.parquet")
    )
    assert not set(map(tuple, train[:, 0].tolist())) & set(map(tuple, heldout[:, 0].tolist()))


def test_a_second_run_writes_the_same_bytes(cell: Path, make_cell: Callable[[Path], Path], tmp_path: Path) -> None:
    again = make_cell(tmp_path / "again")
    names = sorted(path.relative_to(cell).as_posix() for path in cell.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file())
    for name in names:
        assert (again / name).read_bytes() == (cell / name).read_bytes(), name


def test_nothing_temporary_is_left(cell: Path) -> None:
    assert [path.name for path in cell.rglob(".*")] == []


def test_others_may_read_what_the_umask_lets_them(cell: Path) -> None:
    """Weights too, which their library writes for their owner alone: a group shares the results of a cluster."""
    os.umask(mask := os.umask(0o077))
    files = [path for path in cell.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} > {".safetensors", ".parquet"}
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {
        path.name: oct(0o666 & ~mask) for path in files
    }


def test_lora_is_fine_tuned_and_rolled_out_from_its_adapter(
    cell: Path, stage: Callable, task_entry: dict, sampling: dict, model_entry: dict, tmp_path: Path
) -> None:
    flags = {"policy": "0/policy.json", "trajectories": "0/trajectories.parquet", "selected": "0/selected.jsonl"}
    entry = {"sft": model_entry["sft"] | {"adapter": "lora"}}
    ended = stage("sft", cwd=cell, model=entry, seed=0, iteration=1, output=tmp_path / "policy.json", **flags)
    assert ended.status == 0, ended.stderr
    policy = json.loads((tmp_path / "policy.json").read_text())
    assert (policy["model"], policy["adapter"]) == ("models/tiny", str(tmp_path / "adapter"))
    assert (tmp_path / "adapter/adapter_config.json").exists()
    where = {"model_name": "tiny", "method": "m", "seed": 0, "split": "heldout"}
    size = {"scenarios": 4, "contexts": Path(__file__).parents[2] / "workflow/scenarios"}
    output = tmp_path / "heldout.parquet"
    ended = stage(
        "rollout",
        cwd=cell,
        policy=tmp_path / "policy.json",
        task=task_entry,
        sampling=sampling,
        output=output,
        **where,
        **size,
    )
    assert ended.status == 0, ended.stderr
    seen, others = table(output), table(cell / "1/heldout.parquet").slice(0, 4)
    assert seen["mean_rewards"] == others["mean_rewards"]  # other weights, the same scenarios
    assert seen["token_ids"] != others["token_ids"]
