"""The status of a grid from files alone: known answers on made trees, and beside a workflow that really runs."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

from rmft.stages import grid, status
from rmft.stages.config_files import read_configs

ROOT = Path(__file__).parents[2]
CONFIGS = [ROOT / "config.yaml", ROOT / "config.laptop.yaml"]
RUN = {"model": "tiny", "task": "mab-gaussian", "method": "rmft", "seed": 0, "iterations": 3}


@pytest.fixture(scope="module")
def config() -> dict:
    return read_configs(CONFIGS)


def write(root: Path, *paths: str, text: str = "x\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def mark(root: Path, path: str) -> None:
    """As the engine marks a file that it is making; a long name is cut into parts."""
    name = urlsafe_b64encode(path.encode()).decode()
    first, rest = name[:100], name[100:]
    write(root, f".snakemake/incomplete/@{first}/{rest}" if rest else f".snakemake/incomplete/{first}")


def word(config: dict, root: Path) -> str:
    """The marks of the first run."""
    return status.lines(config, root, 2)[0].split()[3]


def everything(config: dict) -> list[str]:
    return [made.path for cell in status.cells(config, RUN) for made in cell]


def test_a_cell_goes_from_missing_to_done(config, tmp_path):
    assert word(config, tmp_path) == "...."
    first = [made.path for made in status.cells(config, RUN)[0]]
    write(tmp_path, first[0])
    assert word(config, tmp_path) == "+..."
    write(tmp_path, *first)
    assert word(config, tmp_path) == "#..."
    write(tmp_path, *everything(config))
    assert word(config, tmp_path) == "####"


def test_what_runs_what_waits_and_what_failed_is_told_apart(config, tmp_path):
    cells = status.cells(config, RUN)
    rollout, training = cells[1][4], cells[2][0]
    assert (rollout.stage, training.stage) == ("rollout", "sft")
    write(tmp_path, *(made.path for made in cells[0]), ".snakemake/locks/0.output.lock")
    mark(tmp_path, rollout.path)
    mark(tmp_path, training.path)
    write(tmp_path, rollout.log)
    assert word(config, tmp_path) == "#>q."
    (tmp_path / ".snakemake/locks/0.output.lock").unlink()
    write(tmp_path, rollout.log, text="start\nrollout: --task: no such thing\n\n")
    assert word(config, tmp_path) == "#!.."
    said = status.lines(config, tmp_path, 2)
    assert f"! {rollout.log}: rollout: --task: no such thing" in said
    assert said[-1].endswith("no workflow runs here")


def test_the_rest_is_reckoned_from_what_finished_jobs_took(config, tmp_path):
    cells = status.cells(config, RUN)
    write(tmp_path, *everything(config))
    (tmp_path / cells[3][1].path).unlink()
    (tmp_path / cells[2][1].path).unlink()
    done = cells[1][1].place
    write(tmp_path, f"results/benchmarks/{done}.tsv", text="s\th:m:s\n50.0\t0:00:50\n")
    assert status.rest({cells[2][1], cells[3][1]}, config, tmp_path / "results/benchmarks") == pytest.approx(100)


def test_every_file_that_the_workflow_asks_for_is_watched(config):
    """Of cells: what a dry run would make, less what only trains and sums up."""
    made = {made.path for run in grid.runs(config) for cell in status.cells(config, run) for made in cell}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--forceall"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    outputs = {
        path
        for line in done.stdout.splitlines()
        if line.startswith("    output: ")
        for path in line.removeprefix("    output: ").split(", ")
    }
    cells = {path for path in outputs if path.startswith("results/cells/")}
    assert made == {path for path in cells if not path.endswith(("sft.json", "selection.json"))}


def test_a_grid_of_thousands_and_a_wrong_config(tmp_path):
    many = {"run": {"seeds": list(range(300)), "iterations": 5}}
    (tmp_path / "many.yaml").write_text(yaml.safe_dump(many))
    command = [sys.executable, "-m", "rmft.stages.status", "--root", tmp_path, "--configs", *CONFIGS]
    done = subprocess.run([*command, tmp_path / "many.yaml"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tiny mab-gaussian rmft")
    assert done.stdout.splitlines()[0].split()[3:] == ["......"] * 300
    (tmp_path / "many.yaml").write_text("run: { seeds: none }")
    done = subprocess.run([*command, tmp_path / "many.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("status: config: run.seeds: must be of type array")
    assert done.stderr.count("\n") == 1


def test_watching_ends_quietly(tmp_path):
    # Whoever runs the tests in the background has SIGINT ignored, and so would their children.
    heeds = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeds}; runpy.run_module('rmft.stages.status', run_name='__main__')"
    command = [sys.executable, "-c", program, "--watch", "--root", tmp_path, "--configs", *CONFIGS]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout.readline().startswith("\x1b[H\x1b[2J")
    process.send_signal(2)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read() == ""
