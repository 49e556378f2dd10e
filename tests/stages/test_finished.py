"""What finished jobs say of those to come: the nearest ones, at their rate."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow.parquet import write_table

from rmft.stages import finished

CELL = "tiny/a/rmft/seed0/iter1"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Rollouts of task a: two of one method, one of another; some files of a cell, a baseline and a model."""
    for name, seconds in {"rmft/seed0/iter2": 10, "rmft/seed1/iter1": 30, "base/seed0/iter0": 50}.items():
        write(tmp_path, f"benchmarks/rollout/tiny/a/{name}.tsv", f"s\th:m:s\n{seconds}\t0:00:10\n")
    for name in ("trajectories.parquet", "policy.json", "model/model.safetensors", "selected.jsonl", "selection.json"):
        write(tmp_path, f"cells/{CELL}/{name}", "ab")
    write(tmp_path, "cells/tiny/a/base/seed0/iter0/policy.json", "ab")
    write(tmp_path, "models/tiny/model.safetensors", "abc")
    write(tmp_path, "baselines/a/ucb.parquet", "abcd")
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_the_nearest_finished_jobs_stand_for_a_job(results):
    took = finished.seconds(results / "benchmarks", lambda place: 10.0)
    assert took("rollout/tiny/a/rmft/seed0/iter1") == 1  # its own seed
    assert took("rollout/tiny/a/rmft/seed7/iter1") == 2  # its method: 10 and 30
    assert took("rollout/tiny/a/random-k/seed0/iter1") == 3  # its task: 10, 30 and 50
    assert took("rollout/other/b/rmft/seed0/iter1") == 3  # its rule
    assert took("sft/tiny/a/rmft/seed0/iter1") is None
    write(results, "benchmarks/tables.tsv", "s\th:m:s\n9\t0:00:09\n")
    assert finished.seconds(results / "benchmarks", lambda place: 10.0)("tables") is None  # of another grid, perhaps


def test_a_finished_job_of_another_size_says_how_fast_not_how_long(results):
    """What was expected of task a's finished rollouts was 2 s each; of a larger job the rate holds, not the seconds."""
    took = finished.seconds(results / "benchmarks", lambda place: 2.0)
    assert took("rollout/tiny/larger/rmft/seed0/iter1") == pytest.approx((10 + 30 + 50) / (3 * 2))
    assert finished.seconds(results / "benchmarks", lambda place: 0.0)("rollout/tiny/a") is None


def test_what_has_finished_under_another_config_says_nothing(results):
    took = finished.seconds(results / "benchmarks", lambda place: {"rollout/tiny/a/base/seed0/iter0": 10.0}[place])
    assert took("rollout/tiny/a/rmft/seed0/iter1") == 5  # the task's other jobs are unknown
    assert finished.seconds(results / "benchmarks", lambda place: {}[place])("rollout/tiny/a") is None


def test_many_finished_jobs_are_sampled_evenly():
    read = []

    def taken(place: str) -> float:
        read.append(place)
        return float(place.rpartition("/")[2])

    places = [f"rollout/{i}" for i in range(1000)]
    assert finished.nearest(places, taken, lambda place: 1.0)("rollout/none") == pytest.approx(500, rel=0.05)
    assert finished.MOST // 2 < len(read) <= finished.MOST


def test_bytes_are_of_the_files_of_a_place(results):
    assert {place: len(names) for place, names in finished.of_places(results).items()} == {
        f"rollout/{CELL}": 1, f"sft/{CELL}": 2, f"select/{CELL}": 2, "pretrain/tiny": 1, "baseline/a/ucb": 1
    }  # fmt: skip
    size = finished.sizes(results, lambda place: 1.0)
    assert (size(f"sft/{CELL}"), size("baseline/a/ucb"), size("score/x")) == (4, 4, None)


def test_tokens_are_read_from_finished_play(results):
    path = results / f"cells/{CELL}/trajectories.parquet"
    write_table(pyarrow.table({"tokens_prompt": [3, 4], "tokens_sampled": [1, 1]}), path)
    told = finished.tokens(results, "tokens_prompt", lambda place: 1.0)
    assert told("rollout/tiny/a/rmft/seed0/iter2") == 7
    path.write_text("no parquet")
    with pytest.raises(ValueError, match=r"trajectories\.parquet: no finished play .*; delete it"):
        finished.tokens(results, "tokens_prompt", lambda place: 1.0)("rollout/tiny/a/rmft/seed0/iter2")


def test_a_benchmark_that_is_none_is_named(results):
    write(results, "benchmarks/rollout/tiny/a/broken.tsv", "s\th:m:s\n")
    with pytest.raises(ValueError, match=r"broken\.tsv: no benchmark"):
        finished.seconds(results / "benchmarks", lambda place: 1.0)("rollout/tiny/a/broken")
