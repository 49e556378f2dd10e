"""A grid of 10,000 jobs: its plan against the same grid of rules that say nothing but their files, the Snakefile's own
parsing, and the status of 5,000 cells."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from measure import ROOT, Row, number, seconds, side_by_side, table

from rmft.stages import grid, status
from rmft.stages.config_files import read_configs
from rmft.stages.dry_run import read_plan

PARTS = ("Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "workflow")
CONFIGS = ("config.yaml", "config.laptop.yaml", "large.yaml")
# Models x tasks x methods x seeds x iterations; laid over the laptop's selection.
LARGE = {
    "models": ["tiny", "tiny-worlds"],
    "tasks": ["mab-gaussian", "mab-summary", "mab-distribution", "mab-advertising"],
    "methods": ["rmft", "rmft-information", "random-k", "reward-k"],
    "seeds": list(range(7)),
    "iterations": 8,
}
CELLS = {**LARGE, "seeds": list(range(18))}  # 5,000 of them
SAID = ("output", "log", "benchmark", "wildcard_constraints")  # what a stub rule keeps
HEAD = """import json
from pathlib import Path

INPUTS = json.loads(Path("inputs.json").read_text())
NUMERIC_MODELS = {numeric!r}
{constraints}"""


def snakemake(folder: Path, *arguments: str) -> tuple[float, str]:
    """Seconds and output of Snakemake, as typed in ``folder``."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def copy(folder: Path, selection: dict) -> None:
    """The workflow without results, and a large selection of it."""
    for name in PARTS:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, folder / name, ignore=ignore) if source.is_dir() else shutil.copy2(
            source, folder / name
        )
    (folder / "large.yaml").write_text(yaml.safe_dump({"run": selection}))


def stub(rule: str) -> str:
    """A rule of ours less its params, resources and functions: the same files by the same wildcards."""
    name = re.match(r"rule (\w+):", rule)[1]
    sections = re.findall(r"^    (\w+):(.*\n(?:        .*\n|\s*\n)*)", rule, re.MULTILINE)
    kept = "".join(f"    {key}:{body.rstrip()}\n" for key, body in sections if key in SAID)
    given = f"    input:\n        lambda wildcards: INPUTS[{name!r}].get('/'.join(wildcards), []),\n"
    return f"rule {name}:\n{given}{kept}    shell:\n        'touch {{output}}'\n"


def stub_workflow(ours: Path, theirs: Path, plan: str) -> None:
    """Write the grid of stub rules, which finds the inputs of each job in a file."""
    inputs: dict[str, dict[str, list[str]]] = {}
    for job in read_plan(plan):
        inputs.setdefault(job.rule, {})["/".join(job.wildcards.values())] = job.inputs
    (theirs / "inputs.json").write_text(json.dumps(inputs))
    config = read_configs(ours / name for name in CONFIGS)
    constraints = re.search(r"^wildcard_constraints:\n(?:    .*\n)+", (ours / "Snakefile").read_text(), re.MULTILINE)[0]
    numeric = "|".join(model for model in config["models"] if grid.numeric(config, model))
    text = "\n".join(path.read_text() for path in (ours / "workflow/rules").glob("*.smk"))
    rules = [stub(rule) for rule in re.findall(r"^rule \w+:\n(?:    .*\n|\s*\n)+", text, re.MULTILINE)]
    everything = "rule all:\n    input:\n        INPUTS['all'][''],\n"
    head = HEAD.format(numeric=numeric, constraints=constraints)
    (theirs / "Snakefile").write_text("\n\n".join([head, everything, *rules]))


def of_plan(folder: Path, repeats: int) -> Row:
    """The plan of our grid against that of the stubs."""
    ours, theirs = folder / "ours", folder / "stub"
    for each in (ours, theirs):
        each.mkdir()
    copy(ours, LARGE)
    ours_laid = ("--dry-run", "--configfile", "large.yaml")
    plan = snakemake(ours, *ours_laid)[1]
    stub_workflow(ours, theirs, plan)
    jobs, same = (len(read_plan(text)) for text in (plan, snakemake(theirs, "--dry-run")[1]))
    if jobs != same:
        raise ValueError(f"the stub grid has {same} jobs, ours {jobs}: benchmarks/grid.py no longer reads the rules")
    stubs, planned, ratio = side_by_side(
        lambda: snakemake(theirs, "--dry-run", "--scheduler", "greedy", "--quiet")[0],
        lambda: snakemake(ours, *ours_laid, "--quiet")[0],
        repeats,
    )
    note = f"ratio: our time; {number(jobs / planned)} jobs a second"
    what = f"dry run of {jobs:,} jobs: a grid of stub rules of the same files"
    return Row(what, seconds(planned), seconds(stubs), ratio, "at most 1.3", note)


def of_parsing(folder: Path, repeats: int) -> Row:
    """Parsing our Snakefile against parsing an empty one."""
    empty = folder / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text("")
    bare, parsed, _ = side_by_side(
        lambda: snakemake(empty, "--list-rules")[0], lambda: snakemake(folder / "ours", "--list-rules")[0], repeats
    )
    what = "parsing the Snakefile (`--list-rules`): an empty Snakefile"
    note = "ratio: seconds above the empty one's"
    return Row(what, seconds(parsed), seconds(bare), parsed - bare, "at most 1", note)


def finished(folder: Path) -> int:
    """Files of a grid whose runs have all but their last two iterations behind them; the number of its cells."""
    copy(folder, CELLS)
    config = read_configs(folder / name for name in CONFIGS)
    number_of_cells = 0
    for run in grid.runs(config):
        found = status.cells(config, run)
        number_of_cells += len(found)
        for made in (made for cell in found[:-2] for made in cell):
            files = {made.path: "", made.log: "", f"results/benchmarks/{made.place}.tsv": "s\th:m:s\n1.5\t0:00:01\n"}
            for path, text in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
    return number_of_cells


def of_status(folder: Path, repeats: int) -> Row:
    """The status as typed, Python's start in it."""
    place = folder / "cells"
    place.mkdir()
    cells = finished(place)
    command = [sys.executable, "-m", "rmft.stages.status", "--configs", *CONFIGS]
    run = {"cwd": place, "env": os.environ | {"PYTHONPATH": str(ROOT / "workflow")}, "check": True}

    def timed(what: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(what, **run, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    start, took, _ = side_by_side(lambda: timed([sys.executable, "-c", ""]), lambda: timed(command), repeats)
    what = f"`status` of {cells:,} cells, most of them finished: Python's start"
    return Row(what, seconds(took), seconds(start), took, "at most 1", "ratio: seconds")


def rows(repeats: int = 3) -> list[Row]:
    """Plan, parsing, status."""
    with tempfile.TemporaryDirectory() as name:
        return [measure(Path(name), repeats) for measure in (of_plan, of_parsing, of_status)]


if __name__ == "__main__":
    print(table(rows()))
