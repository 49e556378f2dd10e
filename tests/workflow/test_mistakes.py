"""Mistakes in what a reader adds, in words or code: one line before the first job, or at the end of the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rmft.stages.unselected import unselected

MAKEFILE = Path(__file__).parents[2] / "Makefile"
BUTTONS = "workflow/scenarios/buttons.yaml"
FIGURES = "workflow/rmft/figures/__init__.py"


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        (
            BUTTONS,
            "paid {reward}",
            "paid {rewards}",
            f".context: {BUTTONS}: feedback.raw: needs exactly the placeholders",
        ),
        (BUTTONS, "reask:", "re_ask:", f".context: {BUTTONS}: missing or unknown keys: re_ask."),
        (BUTTONS, "arm_names: [", "arm_names: [1, ", f".context: {BUTTONS}: arm_names: must be a list of"),
        (BUTTONS, "arm_names:", "arm_names: {", f"{BUTTONS}: cannot be read"),
        (
            "workflow/rmft/core/rewards.py",
            "def draw(",
            "def drawn(",
            "PROCESSES: gaussian: Gaussian in the code has no draw",
        ),
        (
            "workflow/rmft/core/drifts.py",
            "def bounds(",
            "def bound(",
            "DRIFTS: constant: Constant in the code has no bounds",
        ),
        ("workflow/rmft/core/bandits.py", "label =", "title =", "POLICIES: random: Random in the code has no label"),
        (FIGURES, '"overview",', '"over_view",', "FIGURES: over_view: no workflow/rmft/figures/over_view.py; write it"),
        (
            FIGURES,
            '"overview",',
            '"overview", "style",',
            "FIGURES: style: no workflow/report/style.rst; write its caption",
        ),
        ("workflow/figures.yaml", "overview: {", "overview: {{", "workflow/figures.yaml: cannot be read"),
        ("workflow/figures.yaml", "overview:", "over_view:", "FIGURES: overview: is not in workflow/figures.yaml; say"),
    ],
)
def test_what_is_not_all_there_is_refused_before_the_first_job(copied, file, before, after, said):
    copied.edit(file, before, after)
    done = copied.snakemake("--dry-run", "--configfile", "small.yaml")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("config: ")]
    assert said in line
    assert "Traceback" not in done.stderr


def test_a_quiet_run_that_fails_ends_with_what_the_job_said_last(copied):
    """Here a baseline whose answer is no distribution."""
    copied.edit("workflow/rmft/core/bandits.py", "return np.full", "return 2 * np.full")
    (copied.folder / "real.yaml").write_text(yaml.safe_dump({"python": sys.executable, "evaluation": {"episodes": 4}}))
    command = ["--cores", "1", "--quiet", "host", "rules", "reason", "--configfile", "small.yaml", "real.yaml"]
    done = copied.snakemake(*command, "--", "results/baselines/mab-gaussian/random.parquet")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert line.startswith(
        "failed: results/logs/baseline/mab-gaussian/random.log: baseline: Random: at step 1 its probab"
    )
    assert not (copied.folder / "results/baselines/mab-gaussian/random.parquet").exists()


def test_a_figure_without_one_of_its_parts_is_named(copied):
    copied.edit("workflow/rmft/figures/overview.py", "def rows(", "def lines(")
    done = copied.python("-m", "rmft.stages.draw", "--figure", "overview", "--tables", ".", "--output", "overview.png")
    assert done.returncode == 1
    assert done.stderr == "draw: workflow/rmft/figures/overview.py: has no rows; write it, as its neighbours do\n"


ADDED = """
models: { wide: { kind: numeric }, broad: { kind: api } }
tasks: { mab-mine: {}, mab-gaussian: {} }
methods: { mine: {} }
baselines: { coach: {}, mine: {} }
suites: { loud: {}, far: {} }
"""


def test_what_is_added_and_not_selected_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text(ADDED)
    mine = yaml.safe_load(ADDED)
    config = {
        "models": mine["models"],
        "methods": {"rmft": {}, "taught": {"teacher": "coach"}},
        "run": {"tasks": [], "suites": {"mab-gaussian": ["far"]}, "instead": {"x": {"methods": ["mine"]}}},
    }
    assert [line.partition("; name it in ")[::2] for line in unselected(config, [tmp_path / "mine.yaml"])] == [
        ("models.wide: is defined, and run does not select it", "run.numbers.models"),
        ("models.broad: is defined, and run does not select it", "run.models"),
        ("tasks.mab-mine: is defined, and run does not select it", "run.tasks"),
        ("baselines.mine: is defined, and run does not select it", "run.baselines"),
        ("suites.loud: is defined, and run does not select it", "run.suites, beside a task"),
    ]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run make there, with the environment at hand."""
    command = ["make", "-f", MAKEFILE, f"BIN={Path(sys.executable).parent}", "ENV=", *arguments]
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment = outside | {"PYTHONPATH": str(folder / "workflow")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_a_file_of_yours_is_planned_and_what_it_forgets_is_said(copied):
    (copied.folder / "mine.yaml").write_text("methods: { mine: { score: regret, k: 1 } }\n")
    done = make(copied.folder, "plan", "MINE=small.yaml mine.yaml")
    assert done.returncode == 0, done.stderr
    assert "config: methods.mine: is defined, and run does not select it; name it in run.methods\n" in done.stderr
    assert "jobs on" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "mine.yaml: cannot be read ([Errno 2] No such file or directory"),
        ("run:\n\tseeds: [0]\n", "line 2, column 1); mend it"),
        ("run: { seeds: [0, 0] }\n", "run.seeds: must not say a thing twice"),
    ],
)
def test_a_file_of_yours_that_cannot_be_is_one_line(copied, text, said):
    if text:
        (copied.folder / "mine.yaml").write_text(text)
    for goal in ("plan", "reproduce", "status"):
        done = make(copied.folder, goal, "MINE=mine.yaml")
        assert done.returncode == 2
        line, made = done.stderr.splitlines()
        assert said in line
        assert made.startswith("make: ***")
        assert not done.stdout
