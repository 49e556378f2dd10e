"""The bill before the run: known answers from made plans, and the program as the Makefile pipes it."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmft.stages import bill as closed
from rmft.stages import expected, plan
from rmft.stages.config_files import lay_over, read_configs
from rmft.stages.dry_run import read_plan

ROOT = Path(__file__).parents[2]
CONFIGS = [ROOT / "config.yaml", ROOT / "config.laptop.yaml"]
FLAGS = ["--configs", *map(str, CONFIGS)]
CELL = "results/cells/tiny/mab-gaussian"
TEXT = f"""
Group job note that is none
rule pretrain:
    output: results/models/tiny/model.safetensors, results/models/tiny/pretrain.json
    benchmark: results/benchmarks/pretrain/tiny.tsv
    wildcards: model=tiny
    priority: 1
    threads: 2
    resources: tmpdir=/tmp, gpu=1, gpu_model=, runtime=60
[Sat Nov 21 18:45:09 2026] Group job iteration-tiny (jobs in lexicogr. order):

    [Sat Nov 21 18:45:09 2026]
    rule rollout:
        input: {CELL}/base/seed0/iter0/policy.json
        output: {CELL}/base/seed0/iter0/trajectories.parquet
        benchmark: results/benchmarks/rollout/tiny/mab-gaussian/base/seed0/iter0.tsv
        wildcards: model=tiny, task=mab-gaussian, method=base, seed=0, iteration=0
        resources: tmpdir=/tmp, gpu=1

    rule base_policy:
        input: results/models/tiny/pretrain.json
        output: {CELL}/base/seed0/iter0/policy.json
        benchmark: results/benchmarks/base_policy/tiny/mab-gaussian/base/seed0/iter0.tsv
        wildcards: model=tiny, task=mab-gaussian, seed=0
[Sat Nov 21 18:45:09 2026]
rule baseline:
    output: results/baselines/mab-gaussian/ucb.parquet, results/baselines/mab-gaussian/ucb.json
    benchmark: results/benchmarks/baseline/mab-gaussian/ucb.tsv
    wildcards: task=mab-gaussian, baseline=ucb

localrule all:
    input: {CELL}/base/seed0/iter0/trajectories.parquet, results/baselines/mab-gaussian/ucb.parquet
    jobid: 0
"""


@pytest.fixture(scope="module")
def config() -> dict:
    return read_configs(CONFIGS)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A rollout of another cell took 10 s, and pretraining 100 s."""
    for name, seconds in {"rollout/tiny/mab-gaussian/rmft/seed1/iter1": 10, "pretrain/tiny": 100}.items():
        path = tmp_path / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:10\n")
    return tmp_path


def test_a_plan_is_read_with_its_files_threads_gpus_and_cluster_jobs():
    jobs = read_plan(TEXT)
    assert [job.rule for job in jobs] == ["pretrain", "rollout", "base_policy", "baseline", "all"]
    assert [(job.threads, job.gpus, job.priority) for job in jobs] == [(2, 1, 1), (1, 1, 0), *[(1, 0, 0)] * 3]
    assert [job.group for job in jobs] == [None, "iteration-tiny", "iteration-tiny", None, None]
    assert jobs[1].place == "rollout/tiny/mab-gaussian/base/seed0/iter0"
    assert jobs[1].inputs == (f"{CELL}/base/seed0/iter0/policy.json",)
    assert jobs[0].outputs[1] == "results/models/tiny/pretrain.json"
    assert jobs[-1].place == ""
    assert [job.model for job in jobs] == ["tiny", "tiny", "tiny", "-", "-"]


def test_a_job_takes_what_the_nearest_finished_took_or_a_guess(config, results):
    found = plan.costs(read_plan(TEXT), config, results)
    guessed = expected.seconds(config, "baseline/mab-gaussian/ucb")
    assert [cost.seconds for cost in found] == pytest.approx([100, 10, 0.2, guessed, 0])
    assert [cost.measured for cost in found] == [True, True, False, False, False]
    assert (found[0].core_seconds, found[0].gpu_seconds) == pytest.approx((200, 100))
    assert (found[1].prompt, found[1].sampled) == expected.tokens(config, found[1].job.place)


def test_the_rules_of_a_cluster_job_run_one_by_one_and_hold_its_gpus(config, results):
    jobs = plan.held(read_plan(TEXT))
    assert [job.gpus for job in jobs] == [1, 1, 1, 0, 0]
    parts = plan.started(plan.costs(jobs, config, results))
    made = plan.tasks(parts)
    assert [len(part) for part in parts] == [1, 2, 1, 1]
    assert [task.seconds for task in made] == pytest.approx([100, 10.2, made[2].seconds, 0])
    assert [task.before for task in made] == [set(), {0}, set(), {1, 2}]
    assert (made[0].threads, made[1].gpus, made[0].priority) == (2, 1, 1)


def test_the_bill_of_a_small_plan(config, results):
    lines = plan.bill(plan.costs(plan.held(read_plan(TEXT)), config, results), 4, 1)
    first = {tuple(line.split()[:2]): line for line in lines[1:5]}
    assert first["tiny", "pretrain"].split()[2:5] == ["1", "0.06", "0.03"]
    assert first["tiny", "pretrain"].endswith("100.0  finished jobs")
    assert first["-", "baseline"].endswith("a guess")
    assert lines[5].split()[:2] == ["all", "4"]
    assert "longest chain: 2 min in 3 jobs, one after another: 1 pretrain, 1 rollout, 1 base_policy" in lines
    assert lines[-1].startswith("4 jobs in 3 cluster jobs on 4 cores and 1 GPUs: about 2 min, until ")


CLOSED = {"models": ["gpt-4o-mini"], "methods": ["rmft"], "iterations": 1}


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        ("batch", "a rollout for 20 batches or more, of up to 24 h each"),
        ("live", "each reply as soon as its rate limits let it, 16 at a time"),
    ],
)
def test_a_closed_model_s_jobs_have_no_hours(config, tmp_path, mode, how):
    """However long one of them took, and with no word of it to the jobs of others."""
    laid = lay_over(config, {"run": CLOSED, "models": {"gpt-4o-mini": {"terms": {"mode": mode}}}})
    jobs = read_plan(TEXT.replace("tiny", "gpt-4o-mini"))[1:]  # nothing is pretrained
    path = tmp_path / "benchmarks/rollout/gpt-4o-mini/mab-gaussian/base/seed1/iter0.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\th:m:s\n90000\t1 day, 1:00:00\n")
    found = plan.costs(jobs, laid, tmp_path)
    assert found[0].seconds == 0 < found[1].seconds
    items = {item.place: item for item in closed.items(laid, "gpt-4o-mini", closed.CONTEXTS)}
    assert (found[0].prompt, found[0].sampled) == (items[jobs[0].place].told, items[jobs[0].place].sampled)
    lines = plan.bill(found, 4, None, plan.dollars(jobs, laid))
    row = next(line for line in lines if line.split()[:2] == ["gpt-4o-mini", "rollout"])
    assert row.split()[2:5] == ["1", "0.00", "0.00"]
    assert row.endswith("0.0  waits on the provider")
    assert f"API: gpt-4o-mini waits on its provider, {how}; no hours here hold that" in lines
    others = plan.costs(read_plan(TEXT), laid, tmp_path)
    assert others[1].seconds == pytest.approx(expected.seconds(laid, others[1].job.place))


@pytest.mark.parametrize(
    ("seconds", "text"), [(29, "0 min"), (3541, "59 min"), (3599, "1 h 00 min"), (5400, "1 h 30 min")]
)
def test_a_duration_in_words(seconds, text):
    assert plan.said(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1234, "1.23k"), (4.05e6, "4.05M"), (999.9e3, "1000k"), (7e12, "7T")]
)
def test_a_number_in_three_digits(number, text):
    assert plan.short(number) == text


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("config: wrong\n", [], "plan: stdin: no plan of jobs; pipe"),
        (TEXT, ["--cores", "0"], "plan: --cores: must be 1 or more, not 0"),
        (TEXT, ["--gpus", "0"], "plan: --gpus: must be 1 or more, not 0"),
        (TEXT.replace("gpu=1", "gpu=4"), ["--gpus", "2"], "plan: --gpus: a job asks for 4, of 2; raise it"),
        (
            TEXT.replace("mab-gaussian", "mab-none"),
            [],
            "plan: --configs: no mab-none there, which rollout/tiny/mab-none",
        ),
    ],
)
def test_refused_by_one_line(text, flags, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert plan.main([*FLAGS, "--results", str(tmp_path), *flags]) == 1
    refused = capsys.readouterr().err
    assert refused.startswith(said)
    assert refused.count("\n") == 1


def test_a_config_that_cannot_run_is_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "wrong.yaml").write_text("run: { models: [tinny] }")
    monkeypatch.setattr(sys, "stdin", io.StringIO(TEXT))
    assert plan.main([*FLAGS, str(tmp_path / "wrong.yaml")]) == 1
    assert capsys.readouterr().err.startswith("plan: config: run.models: tinny is not defined")


def test_a_plan_of_snakemake_is_understood(tmp_path):
    """The laptop's own plan, in an empty folder: every job that takes time is counted, on the cores that are said."""
    for name in ("Snakefile", "config.yaml", "config.laptop.yaml", "workflow", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "check": True, "timeout": 120}
    text = subprocess.run([sys.executable, "-m", "snakemake", "--dry-run"], **run).stdout
    command = [sys.executable, "-m", "rmft.stages.plan", *FLAGS, "--cores", "3"]
    said = subprocess.run(command, input=text, **run).stdout
    total = int(text.split("total")[1].split()[0])
    assert f"\n{total - 1} jobs on 3 cores: about " in said  # `all` takes no time
    assert "finished jobs\n" not in said
    done = "Nothing to be done (all requested files are present)."
    assert "Nothing to do" in subprocess.run(command, input=done, **run).stdout
