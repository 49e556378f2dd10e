"""A fine-tuning that is really killed, or told to stop, ends, started again, as if nothing had happened."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def flags(cell: Path, model_entry: dict, tmp_path: Path) -> dict[str, object]:
    """Many epochs, with a checkpoint at every step."""
    source = {"policy": "0/policy.json", "trajectories": "0/trajectories.parquet", "selected": "0/selected.jsonl"}
    entry = {"sft": model_entry["sft"] | {"epochs": 60, "batch": 4, "tokens_per_pass": 400, "checkpoint_minutes": 1e-5}}
    return {**source, "model": entry, "seed": 0, "iteration": 1, "output": tmp_path / "made/policy.json"}


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All files but policy.json, which says where it stands."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_killed_or_stopped_at_random_moments_it_ends_byte_identical(
    stage_process: Callable, flags: dict[str, object], cell: Path, tmp_path: Path
) -> None:
    made, rng = tmp_path / "made", np.random.default_rng()
    process = stage_process("sft", cell, **flags)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    undisturbed = bytes_of(made)
    shutil.rmtree(made)
    for end, code in (("kill", -9), ("terminate", 143)):
        process = stage_process("sft", cell, **flags)
        before = stamps(made)
        while stamps(made) == before and process.poll() is None:  # it has gone on from where it was
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.5))
        getattr(process, end)()
        process.communicate(timeout=60)
        assert process.returncode == code
        assert stamps(made)
        assert not (made / "policy.json").exists()
    assert not list(made.glob(".sft.checkpoints/lock"))  # what was told to stop gave it back
    process = stage_process("sft", cell, **flags)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "goes on from epoch" in stdout
    assert bytes_of(made) == undisturbed
    assert not list(made.glob(".*"))


def stamps(made: Path) -> set[tuple[int, int]]:
    """Inode and time of the checkpoints that are there."""
    found = set()
    for path in made.glob(".sft.checkpoints/*/checkpoint.safetensors"):
        try:
            found.add((path.stat().st_ino, path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found
