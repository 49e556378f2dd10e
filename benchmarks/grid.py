"""Parsing the Snakefile and planning a grid of 10,000 jobs, against `snakemake --version`."""

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

PARTS = ("Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "workflow")
SEEDS, ITERATIONS = 70, 8


def snakemake(folder: Path, *arguments: str) -> tuple[float, str]:
    """Seconds and output of Snakemake, as typed in ``folder``."""
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow")}
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def copy(folder: Path) -> None:
    """The workflow without results, and a large selection of it."""
    for name in PARTS:
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy2(source, folder / name)
    large = {"run": {"seeds": list(range(SEEDS)), "iterations": ITERATIONS}}
    (folder / "large.yaml").write_text(yaml.safe_dump(large))


def rows(repeats: int = 3) -> list[Row]:
    """Parsing alone, then the plan."""
    plan = ("--dry-run", "--quiet", "rules", "--configfile", "large.yaml")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        jobs = int(re.search(r"^total +(\d+)$", snakemake(folder, *plan)[1], re.MULTILINE)[1])

        def version() -> float:
            return snakemake(folder, "--version")[0]

        bare, parsed, parsing = side_by_side(version, lambda: snakemake(folder, "--list-rules")[0], repeats)
        _, planned, planning = side_by_side(version, lambda: snakemake(folder, *plan)[0], 1)
    note = f"the Snakefile itself takes {seconds(parsed - bare)}"
    rate = f"{number(jobs / planned)} jobs a second"
    return [
        Row(
            "`snakemake --version`; parsing the Snakefile (`--list-rules`)",
            seconds(bare),
            seconds(parsed),
            parsing,
            note=note,
        ),
        Row(f"`snakemake --version`; dry run of {jobs:,} jobs", seconds(bare), seconds(planned), planning, note=rate),
    ]


if __name__ == "__main__":
    print(table(rows()))
