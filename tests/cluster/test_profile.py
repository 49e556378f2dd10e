"""`snakemake --profile slurm` on a real SLURM: the bytes of the local run, as few GPU jobs."""

import re

import pytest
from small_grid import ALL, Tree, jobs_since

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, copied) -> Tree:
    return copied(tmp_path_factory.mktemp("grid"))


@pytest.fixture(scope="module")
def jobs(tree: Tree, first_job) -> list:
    """The SLURM jobs of the whole grid, run once."""
    first = first_job()
    assert tree.submit(*ALL).wait(timeout=600) == 0, (tree.folder / "said.txt").read_text()[-6000:]
    return jobs_since(first)


def test_the_grid_equals_the_local_run_byte_for_byte(tree: Tree, jobs: list, local: Tree) -> None:
    expected = {name: data for name, data in local.results().items() if "/seed10/" not in name}
    assert len(expected) > 40
    assert tree.results() == expected


def test_every_job_was_needed_once_and_those_with_the_model_had_a_gpu(jobs: list) -> None:
    assert {job.state for job in jobs} == {"COMPLETED"}
    names = [job.name for job in jobs]
    assert len(names) == len(set(names))
    with_model = [job for job in jobs if re.search("(iteration|evaluation)-tiny|pretrain", job.name)]
    assert {job.gpus for job in with_model} == {1}
    others = [job for job in jobs if job not in with_model]
    assert any("transformer" in job.name for job in others)
    assert {(job.gpus, job.node) for job in others} == {(0, "cpu1")}


def test_an_iteration_of_a_cell_is_two_cluster_jobs(jobs: list) -> None:
    cells: dict[str, int] = {}
    for job in jobs:
        if named := re.search(r"(?:iteration|evaluation)-(tiny-.*-iter\d)", job.name):
            cells[named[1]] = cells.get(named[1], 0) + 1
    assert len(cells) == 5
    assert set(cells.values()) == {2}


def test_a_second_run_submits_nothing(tree: Tree, jobs: list, first_job) -> None:
    first = first_job()
    assert tree.submit(*ALL).wait(timeout=100) == 0
    assert jobs_since(first) == []
