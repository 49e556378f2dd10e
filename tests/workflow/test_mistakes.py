"""Mistakes in what a reader adds, in words or code: one line before the first job, or at the end of the run."""

import sys

import pytest
import yaml

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
