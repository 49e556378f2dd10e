"""The stages with vLLM, as programs of their own: rollout, held-out play, evaluation, and what happens when they die."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from rmft.models.policy import Policy, weights_digest

VLLM = {"engine": "vllm"}


@pytest.fixture
def flags(base: Policy, task_entry: dict, sampling: dict, tmp_path: Path) -> dict[str, object]:
    """A rollout of 12 chunks."""
    (tmp_path / "policy.json").write_text(base.to_json())
    return {
        "policy": tmp_path / "policy.json",
        "model": VLLM,
        "task": task_entry,
        "contexts": Path(__file__).parents[2] / "workflow/scenarios",
        "sampling": sampling | {"chunk_episodes": 16},
        "model_name": "tiny",
        "method": "base",
        "seed": 3,
        "split": "train",
        "scenarios": 48,
        "trajectories_per_scenario": 4,
        "output": tmp_path / "trajectories.parquet",
    }


def chunks(output: Path) -> dict[str, int]:
    """Time of change of every finished chunk."""
    found = output.with_name(f".{output.name}.chunks").glob("*/*.parquet")
    return {path.name: path.stat().st_mtime_ns for path in found if not path.name.startswith(".")}


def test_killed_and_started_again_it_ends_as_if_nothing_had_happened(
    stage: Callable, stage_process: Callable, flags: dict, tmp_path: Path
) -> None:
    """And the file says what played it."""
    output, whole = flags["output"], tmp_path / "whole.parquet"
    process, until = stage_process("rollout", tmp_path, **flags), time.monotonic() + 240
    while len(chunks(output)) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    kept = chunks(output)
    assert 3 <= len(kept) < 12
    assert not output.exists()
    ended = stage("rollout", cwd=tmp_path, **flags)
    assert ended.status == 0, ended.stderr
    ended = stage(
        "rollout", cwd=tmp_path, **flags | {"output": whole, "sampling": flags["sampling"] | {"chunk_episodes": 192}}
    )
    assert ended.status == 0, ended.stderr
    table = pq.read_table(output)
    assert table.equals(pq.read_table(whole))  # in 12 chunks and in one
    assert table.num_rows == 192
    assert table.schema.metadata[b"engine"].startswith(b"vllm 0.")
    assert table.schema.metadata[b"adapter"] == b"none"


def test_held_out_play_and_its_evaluation(stage: Callable, flags: dict, task_entry: dict, tmp_path: Path) -> None:
    heldout, evaluation = tmp_path / "heldout.parquet", tmp_path / "evaluation.parquet"
    suites = {"longer": {"horizon_times": 2}}
    flags = flags | {"split": "heldout", "scenarios": 24, "suites": suites, "output": heldout}
    del flags["trajectories_per_scenario"]
    ended = stage("rollout", cwd=tmp_path, **flags)
    assert ended.status == 0, ended.stderr
    ended = stage("evaluate", cwd=tmp_path, heldout=heldout, task=task_entry, suites=suites, output=evaluation)
    assert ended.status == 0, ended.stderr
    table = pq.read_table(evaluation)
    assert table["suite"].to_pylist() == ["in-distribution"] * 24 + ["longer"] * 24
    assert 0 < sum(table["regret"].to_pylist()) / 48 < 0.5 * 9  # better than losing most of the range at every step
    assert sum(table["parse_failures"].to_pylist()) < 0.2 * (24 * 6 + 24 * 12)


def test_weights_that_are_damaged_end_in_one_line(stage: Callable, flags: dict, tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "damaged")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][0, 0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    policy = Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {})
    flags["policy"].write_text(policy.to_json())
    complaint = stage("rollout", cwd=tmp_path, **flags).complaint
    assert "logits" in complaint
    assert "the model's weights are damaged or its training diverged" in complaint


def test_settings_that_vllm_does_not_know_are_named(stage: Callable, flags: dict, tmp_path: Path) -> None:
    flags["model"] = VLLM | {"vllm": {"adapter": "beside"}}
    assert (
        "--model: vllm: adapter must be merged or apart, not 'beside'"
        in stage("rollout", cwd=tmp_path, **flags).complaint
    )
    flags["model"] = VLLM | {"vllm": {"memory": 1}}
    assert "'memory'" in stage("rollout", cwd=tmp_path, **flags).complaint
    assert json.loads(flags["policy"].read_text())["kind"] == "transformers"
