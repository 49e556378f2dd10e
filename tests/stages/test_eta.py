"""How long a plan takes: known answers from a plan and a few finished jobs, and the program as the Makefile pipes it."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmft.stages import eta

ROOT = Path(__file__).parents[2]
PLAN = """
rule pretrain:
    output: results/models/tiny/model.safetensors
    benchmark: results/benchmarks/pretrain/tiny.tsv
    threads: 2

rule rollout:
    benchmark: results/benchmarks/rollout/tiny/a/rmft/seed0/iter1.tsv

rule rollout:
    benchmark: results/benchmarks/rollout/tiny/a/random-k/seed0/iter1.tsv

rule rollout:
    benchmark: results/benchmarks/rollout/tiny/b/rmft/seed0/iter1.tsv

localrule all:
    jobid: 0
"""


@pytest.fixture
def benchmarks(tmp_path: Path) -> Path:
    """Three rollouts of task a have finished: two of one method, one of another."""
    finished = {"rmft/seed0/iter2": 10, "rmft/seed1/iter1": 30, "base/seed0/iter0": 50}
    for name, seconds in finished.items():
        path = tmp_path / f"rollout/tiny/a/{name}.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:10\n")
    return tmp_path


def test_a_plan_is_read_with_its_threads_and_the_place_of_its_seconds():
    jobs = eta.read_plan(PLAN)
    assert [(job.rule, job.threads) for job in jobs] == [("pretrain", 2), *[("rollout", 1)] * 3, ("all", 1)]
    assert jobs[1].benchmark == Path("rollout/tiny/a/rmft/seed0/iter1.tsv")
    assert jobs[-1].benchmark is None


def test_a_job_takes_what_the_nearest_finished_ones_took(benchmarks):
    measured = eta.read_seconds(benchmarks)
    seconds = [eta.nearest(job, measured) for job in eta.read_plan(PLAN)[:4]]
    assert seconds == [None, 10, 30, 30]  # its own seed; its task: (10 + 30 + 50) / 3; its model: the same three


def test_core_seconds_add_up_and_each_rule_says_where_they_are_from(benchmarks):
    jobs = eta.read_plan(PLAN)[:4]
    lines, total = eta.table(jobs, eta.read_seconds(benchmarks))
    assert total == 2 * eta.GUESSES["pretrain"] + 10 + 30 + 30
    assert [line.split()[:2] for line in lines[1:]] == [["pretrain", "1"], ["rollout", "3"]]
    assert [line.split("  ")[-1] for line in lines[1:]] == ["a guess", "finished jobs"]
    _, guessed = eta.table(jobs, {})
    assert guessed == 2 * eta.GUESSES["pretrain"] + 3 * eta.GUESSES["rollout"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(29, "0 min"), (3541, "59 min"), (3599, "1 h 00 min"), (5400, "1 h 30 min")]
)
def test_a_duration_in_words(seconds, text):
    assert eta.said(seconds) == text


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("config: wrong\n", [], "eta: stdin: no plan of jobs; pipe"),
        (PLAN, ["--cores", "0"], "eta: --cores: must be 1 or more, not 0"),
    ],
)
def test_refused_by_one_line(text, flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert eta.main(["--benchmarks", str(tmp_path), *flags]) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_benchmark_that_is_none_is_named(benchmarks):
    (benchmarks / "rollout/tiny/a/broken.tsv").write_text("s\th:m:s\n")
    with pytest.raises(ValueError, match=r"broken\.tsv: no benchmark"):
        eta.read_seconds(benchmarks)


def test_a_plan_of_snakemake_is_understood(tmp_path):
    """The laptop's own plan, in an empty folder: every job that takes time is counted, on the cores that are said."""
    for name in ("Snakefile", "config.yaml", "config.laptop.yaml", "workflow", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "check": True, "timeout": 120}
    plan = subprocess.run([sys.executable, "-m", "snakemake", "--dry-run"], **run).stdout
    command = [sys.executable, "-m", "rmft.stages.eta", "--benchmarks", "results/benchmarks", "--cores", "3"]
    said = subprocess.run(command, input=plan, **run).stdout
    total = int(plan.split("total")[1].split()[0])
    assert f"\n{total - 1} jobs on 3 cores: about " in said  # `all` takes no time
    assert "Nothing to do" not in said
    assert (
        "Nothing to do"
        in subprocess.run(command, input="Nothing to be done (all requested files are present).", **run).stdout
    )
