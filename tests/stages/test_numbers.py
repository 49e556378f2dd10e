"""The stages on a network with numbers in and out, each as its own program, in the order of the workflow."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
MODEL = {"kind": "numeric", "architecture": "transformer", "width": 16, "heads": 2, "depth": 1, "space": "logits"}
ONLINE = {
    "name": "online",
    "environment": "fol",
    "arms": 2,
    "horizon": 10,
    "means": {"kind": "uniform", "low": 0.0, "high": 1.0},
    "rewards": {"kind": "gaussian", "noise": 0.3},
    "context": "buttons",
}
BANDIT = ONLINE | {"name": "bandit", "environment": "mab", "arms": 3}
NOISE = {"per": "episode", "scale": 2.0, "decay": 0.5, "least": 0.5}
SFT = {"sft": {"loss": "cross_entropy", "epochs": 6, "learning_rate": 0.01, "batch": 32}}
SAMPLING = {"chunk_episodes": 1024, "shared_rewards": True, "exploration": NOISE}
RMFT = {"name": "rmft", "score": "regret", "k": 2}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, run_stage) -> dict[str, Path]:
    """Iterations 0 and 1 of both tasks."""
    folders = {}
    for task in (ONLINE, BANDIT):
        folder = folders[task["name"]] = tmp_path_factory.mktemp(task["name"])
        run_stage("base_policy", folder, name="net", model=MODEL, task=task, seed=0, output="0/policy.json")
        iterate(run_stage, folder, task)
    return folders


def iterate(run_stage, folder: Path, task: dict, targets: str = "all", to: str = "1") -> None:
    playing = {"task": task, "contexts": CONTEXTS, "model_name": "net", "seed": 0, "method": "m"}
    many = {"split": "train", "scenarios": 256, "trajectories_per_scenario": 8}
    rollouts = {"trajectories": "0/trajectories.parquet"}
    start, made = {"policy": "0/policy.json"}, f"{to}/policy.json"
    run_stage("rollout", folder, **start, **playing, **many, sampling=SAMPLING, output="0/trajectories.parquet")
    run_stage("score", folder, **rollouts, task=task, output="0/regret.parquet")
    chosen = {"method": RMFT, "output": "0/selected.jsonl", "summary": "0/selection.json"}
    run_stage("select", folder, **rollouts, regret="0/regret.parquet", **chosen)
    learning = {"selected": "0/selected.jsonl", "model": SFT, "targets": targets, "seed": 0, "iteration": 1}
    run_stage("sft", folder, **start, **rollouts, **learning, output=made)
    suites = {"longer": {"horizon_times": 2}}
    for policy in ("0", to):
        judged = {"split": "heldout", "scenarios": 400, "sampling": {"chunk_episodes": 1024}, "suites": suites}
        run_stage(
            "rollout", folder, policy=f"{policy}/policy.json", **playing, **judged, output=f"{policy}/held.parquet"
        )
        played = {"heldout": f"{policy}/held.parquet", "task": task, "suites": suites}
        run_stage("evaluate", folder, **played, output=f"{policy}/evaluation.parquet")


def regret(folder: Path, policy: str, suite: str = "in-distribution") -> float:
    table = pd.read_parquet(folder / policy / "evaluation.parquet")
    return table[table["suite"] == suite]["regret"].mean()


@pytest.mark.parametrize("suite", ["in-distribution", "longer"])
def test_one_iteration_halves_the_regret_of_full_information(runs: dict[str, Path], suite: str) -> None:
    assert regret(runs["online"], "1", suite) < 0.5 * regret(runs["online"], "0", suite)


def test_a_bandit_learns_towards_the_best_arm_from_what_it_saw(runs: dict[str, Path], run_stage) -> None:
    iterate(run_stage, runs["bandit"], BANDIT, "hindsight", to="hindsight")
    assert regret(runs["bandit"], "hindsight") < 0.9 * regret(runs["bandit"], "0")


def test_the_record_holds_what_was_played_and_no_words(runs: dict[str, Path]) -> None:
    table = pd.read_parquet(runs["bandit"] / "0/trajectories.parquet")
    pi = np.stack([np.stack(row) for row in table["policies"]])
    assert pi.shape == (2048, 10, 3)
    np.testing.assert_allclose(pi.sum(axis=2), 1)
    assert set(table["messages"]) == {"[]"}
    assert table["tokens_sampled"].sum() == sum(len(row) for row in table["token_ids"]) == 0
    assert sum(len(row) for row in table["reward_vectors"]) == 0
    lines = [json.loads(line) for line in (runs["bandit"] / "0/selected.jsonl").read_text().splitlines()]
    assert len(lines) == 512
    assert lines[0].keys() == {"messages", "trajectory_id", "regret"}


def test_held_out_scenarios_are_played_without_noise(runs: dict[str, Path]) -> None:
    table = pd.read_parquet(runs["online"] / "0/held.parquet")
    first = np.stack([row[0] for row in table["policies"]])
    assert (first == first[0]).all()


def test_the_same_seed_gives_the_same_bytes(runs: dict[str, Path], run_stage, tmp_path: Path) -> None:
    run_stage("base_policy", tmp_path, name="net", model=MODEL, task=BANDIT, seed=0, output="0/policy.json")
    iterate(run_stage, tmp_path, BANDIT)
    for name in ("0/trajectories.parquet", "1/model/model.safetensors", "1/evaluation.parquet"):
        assert (tmp_path / name).read_bytes() == (runs["bandit"] / name).read_bytes()


@pytest.mark.parametrize("targets", ["hindsight", "regret"])
def test_what_to_compare_with_learns_as_well(runs: dict[str, Path], run_stage, targets: str) -> None:
    iterate(run_stage, runs["online"], ONLINE, targets, to=targets)
    assert regret(runs["online"], targets) < 0.5 * regret(runs["online"], "0")


def test_seeds_and_tasks_have_weights_of_their_own(run_stage, tmp_path: Path) -> None:
    for name, task, seed in (
        ("a", BANDIT, 0),
        ("b", BANDIT, 1),
        ("c", BANDIT | {"name": "other"}, 0),
        ("d", BANDIT, 0),
    ):
        run_stage("base_policy", tmp_path, name="net", model=MODEL, task=task, seed=seed, output=f"{name}/policy.json")
    digests = [json.loads((tmp_path / name / "policy.json").read_text())["digest"] for name in "abcd"]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


def test_the_policy_of_another_task_is_refused_by_its_name(runs: dict[str, Path], stage) -> None:
    playing = {"task": BANDIT, "contexts": CONTEXTS, "model_name": "net", "seed": 0, "method": "m", "split": "train"}
    many = {"scenarios": 2, "trajectories_per_scenario": 2, "sampling": SAMPLING}
    other = runs["online"] / "0/policy.json"
    ended = stage("rollout", cwd=runs["online"], policy=other, **playing, **many, output="other.parquet")
    assert ended.complaint.startswith(f"rollout: {other}: not of the task bandit: made for fol with 2 arms; delete it")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"targets": "answer"}, "--targets: answer is for words"),
        ({"targets": "regret"}, "--targets: regret needs reward vectors"),
        (
            {"model": {"sft": SFT["sft"] | {"loss": "squared", "learning_rate": 1e30}}},
            "not finite; lower learning_rate",
        ),
    ],
)
def test_what_a_network_cannot_learn_is_one_line(
    runs: dict[str, Path], stage, tmp_path, change: dict, said: str
) -> None:
    flags = {"trajectories": "0/trajectories.parquet", "selected": "0/selected.jsonl", "model": SFT, "targets": "all"}
    flags |= {"policy": "0/policy.json", "seed": 0, "iteration": 1, "output": tmp_path / "policy.json"}
    assert said in stage("sft", cwd=runs["bandit"], **flags | change).complaint
    assert not (tmp_path / "policy.json").exists()


def test_a_tuned_baseline_says_what_it_became(run_stage, tmp_path: Path) -> None:
    hedge = {"name": "hedge-tuned", "policy": "hedge", "eta": 1.0, "tune": [0.01, 8]}
    run_stage("baseline", tmp_path, task=ONLINE, baseline=hedge, episodes=50, output="hedge.parquet")
    played = json.loads((tmp_path / "hedge.json").read_text())
    assert played["label"] == "Hedge (eta=8), tuned"
    assert played["entry"] == {"policy": "hedge", "eta": 8.0}
    assert len(played["tried"]) == 2
