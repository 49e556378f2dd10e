"""Which rules share a cluster job, and what shards of a rollout add to them."""

import re
from pathlib import Path

import pytest
import yaml

SMALL = {
    "seeds": [0],
    "iterations": 2,
    "tasks": ["mab-gaussian"],
    "methods": ["rmft", "random-k"],
    "baselines": ["random"],
    "numbers": {"models": []},
}
CLUSTER = ("--dry-run", "--config", "door=cluster", "--configfile", "small.yaml")


def cluster_jobs(tree, shards):
    """Kind and cell of every grouped job, and the number of jobs of each rule."""
    (tree.folder / "small.yaml").write_text(yaml.safe_dump({"run": SMALL, "rollout": {"shards": shards}}))
    done = tree.snakemake(*CLUSTER)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    named = set(re.findall(r"Group job (\w+)-tiny-mab-gaussian-([a-z-]+-seed0-iter\d) ", said))
    return named, {name: int(number) for name, number in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}


CELLS = {"base-seed0-iter0", *(f"{method}-seed0-iter{t}" for method in ("rmft", "random-k") for t in (1, 2))}


def test_an_iteration_of_a_cell_is_two_jobs(copied):
    named, rules = cluster_jobs(copied, 1)
    assert named == {(kind, cell) for kind in ("iteration", "evaluation") for cell in CELLS}
    assert "rollout_shard" not in rules


@pytest.mark.parametrize("shards", [2, 4])
def test_shards_are_jobs_between_training_and_scores(copied, shards):
    named, rules = cluster_jobs(copied, shards)
    played = {cell for cell in CELLS if not cell.endswith("iter2")}
    whole = {(kind, cell) for kind in ("iteration", "evaluation") for cell in CELLS}
    assert named == whole | {("rollout", cell) for cell in played}
    assert rules["rollout_shard"] == shards * rules["rollout"] == shards * len(played)


def test_finished_shards_are_not_played_again(copied):
    stand_in = str(Path(__file__).with_name("stand_in.sh"))
    target = "results/cells/tiny/mab-gaussian/rmft/seed0/iter1/regret.parquet"
    small = {"run": SMALL, "rollout": {"shards": 2, "chunk_episodes": 64}, "python": stand_in}
    (copied.folder / "small.yaml").write_text(yaml.safe_dump(small))
    done = copied.snakemake("--cores", "2", "--quiet", "all", "--configfile", "small.yaml", "--", target)
    assert done.returncode == 0, done.stderr
    assert list(copied.folder.glob("results/cells/**/rollout-*.json")) == []
    assert copied.would_run("--", target) == {}
    played = target.replace("regret", "trajectories")
    (copied.folder / played).unlink()
    assert sorted(copied.would_run("--", played, target).values()) == [
        "rollout",
        "rollout_shard",
        "rollout_shard",
        "score",
    ]
