"""Where a report comes from: our own choices, code, config, seeds, versions, hardware, and the time that its jobs took."""

import hashlib
import json
import os
import platform
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from rmft.figures import style

PACKAGES = ["torch", "transformers", "peft", "tokenizers", "numpy", "pandas", "pyarrow", "matplotlib", "snakemake"]


def of_runs(experiment: dict, key: str) -> list[int]:
    """The different values that the runs of the experiment have: their seeds, or their numbers of iterations."""
    return sorted({run[key] for run in experiment["runs"]})


def ours(experiment: dict, selection: pd.DataFrame, config: dict) -> list[str]:
    """Our own choices, in words, with the numbers of this run."""
    entries = {name: suites[style.PRIMARY_SUITE] for name, suites in experiment["tasks"].items()}
    tasks = "; ".join(
        f"{name} (K={t['arms']}, T={t['horizon']}; means {_entry(t['means'])}; rewards {_entry(t['rewards'])})"
        for name, t in {**entries, **experiment["calibration_tasks"]}.items()
    )
    iterations = "/".join(map(str, of_runs(experiment, "iterations")))
    size = "/".join(f"{n:,}" for n in style.unique(selection["trajectories"]))
    kept = "/".join(f"{n:,}" for n in style.unique(selection["selected"]))
    choices = [
        f"Tasks: {tasks}.",
        f"{iterations} iterations; {size} trajectories rolled out and {kept} selected in each, for each seed.",
        f"Methods: {', '.join(style.unique(selection['label']))}. The paper ranks by the oracle's regret; "
        "information regret (the same regret averaged over what the trajectory could not know) and the random control "
        "are ours.",
        "A trajectory counts as lucky if it left an arm untried and yet mostly played the best one.",
        "A step without a valid action costs as much as the worst arm.",
        f"Models: {', '.join(experiment['models'])}. A laptop model is trained by the pipeline itself, on dialogues of "
        "imperfect players.",
    ]
    if numeric := sorted({run["model"] for run in experiment["runs"] if run.get("kind") == "numeric"}):
        choices.append(
            f"Numeric models: {', '.join(numeric)}. They explore by Gaussian noise on what comes out, once for an episode "
            "or at every step; the distribution as played is recorded and imitated, and evaluation is without noise."
        )
    if rollout := config.get("rollout"):
        own = {key: value for key, value in rollout.items() if key != "temperature"}
        choices.append(f"Rollout: {_entry(own)} (but temperature {rollout.get('temperature', 1.0)} is the paper's).")
    return choices


def _entry(entry: dict) -> str:
    numbers = ", ".join(f"{key} {value}" for key, value in entry.items() if key != "kind")
    return ": ".join(filter(None, [entry.get("kind"), numbers]))


def _jobs(folder: Path) -> Iterator[tuple[Path, float, float]]:
    """(file below the folder, seconds, peak memory in MB) of every job that left a benchmark."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            row = pd.read_csv(path, sep="\t").iloc[-1]
            yield path.relative_to(folder), float(row["s"]), float(row["max_rss"])
        except (ValueError, KeyError, IndexError, pd.errors.ParserError):
            continue


def cell_seconds(folder: Path) -> dict[str, float]:
    """Seconds of all jobs of each cell, by model/task/method/seed/iteration."""
    found = defaultdict(float)
    for path, seconds, _ in _jobs(folder):
        if len(path.parts) == 6:
            found["/".join(path.with_suffix("").parts[1:])] += seconds
    return dict(found)


def durations(folder: Path) -> list[list[str]]:
    """Per stage (the first folder, or the file's name): jobs, total and longest time, peak memory."""
    found = defaultdict(list)
    for path, seconds, memory in _jobs(folder):
        found[path.parts[0].split(".")[0]].append((seconds, memory))
    rows = []
    for stage, jobs in sorted(found.items(), key=lambda item: -sum(s for s, _ in item[1])):
        seconds = [s for s, _ in jobs]
        peak = max(m for _, m in jobs)
        memory = "–" if pd.isna(peak) else f"{peak:,.0f} MB"
        rows.append([stage, str(len(jobs)), f"{sum(seconds):,.1f} s", f"{max(seconds):,.1f} s", memory])
    return rows


def _commit() -> str:
    """The git commit of the code that runs, if it stands in a repository."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head, changed = (
            subprocess.run([*git, *asked], capture_output=True, encoding="utf-8", check=True).stdout.strip()
            for asked in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return head + (" with changes that are not committed" if changed else "")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _hardware() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu, known = platform.machine(), Path("/proc/cpuinfo")
    if known.exists():
        lines = known.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB ({platform.system()})"


def provenance(experiment: dict, summary: pd.DataFrame, config: dict) -> list[tuple[str, str]]:
    """Where the page comes from: code, config, seeds, sizes, versions, hardware. Not repeatable, unlike the tables."""
    digest = hashlib.sha256(json.dumps(config or experiment, sort_keys=True).encode()).hexdigest()
    return [
        ("commit", _commit()),
        ("config" if config else "selection", f"sha256 {digest}"),
        ("seeds", ", ".join(map(str, of_runs(experiment, "seed")))),
        ("episodes", style.counts(style.primary(summary))),
        ("versions", ", ".join([f"Python {platform.python_version()}", *map(_version, PACKAGES)])),
        ("hardware", _hardware() + ", where this page was made"),
    ]
