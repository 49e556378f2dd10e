"""Every intermediate of a small run damaged, and every stage that reads it asked to work: it refuses, and writes nothing."""

import contextlib
import importlib
import os
import random
import re
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from damages import Damage, damages
from report import Count, say
from rmft.models import seals
from small_run import Ended, Job, contents, make, work

UNSEEN = ("overwritten", "of another cell", "the head alone", "a line missing")  # as RELIABILITY.md says
SAME = ("parquet", "json", "jsonl")  # files that one of another cell may replace


def others(name: str, known: list[str]) -> list[str]:
    """Files of other cells that would stand in this one's place."""
    path = Path(name)
    return [other for other in known if Path(other).name == path.name and other != name]


def swapped(other: str) -> Damage:
    """The file of another cell, with its own seal."""
    return lambda path, rng: (path.unlink(), shutil.copy2(other, path))


def ways(job: Job, known: list[str], rounds: int, rng: random.Random) -> Iterator[tuple[str, str, Damage]]:
    """What is done to which input of a job."""
    files = [name for name in job.inputs if name.startswith("results/") and Path(name).exists()]
    if job.stage == "draw":  # it waits for all tables, and reads its own
        tables = importlib.import_module(f"rmft.figures.{Path(job.outputs[0]).stem}").TABLES
        files = [name for name in files if Path(name).stem in tables]
    for name in rng.sample(files, min(len(files), 6 * rounds)):
        for what, damage in damages(name).items():
            yield name, what, damage
        if name.rpartition(".")[2] in SAME and (instead := others(name, known)):
            yield name, "of another cell", swapped(rng.choice(instead))


def wrong(job: Job, name: str, ended: Ended, changed: list[str]) -> str | None:
    """What a stage did that it must not have done with a damaged input, or None."""
    lines = [line for line in ended.said.replace("\r", "\n").splitlines() if line.startswith(f"{job.stage}: ")]
    if ended.error:
        return f"raised {ended.error}"
    if changed:
        return f"status {ended.status}, wrote {changed[0]}"
    if ended.status == 0:
        return None  # what was damaged made no difference: the same bytes as before
    if ended.status != 1 or len(lines) != 1 or "Traceback" in ended.said:
        return f"status {ended.status}: {ended.said[-200:]!r}"
    folder = re.escape(str(Path(name).parent))
    named = re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)|(?<![\w/]){folder}(?![\w/])", lines[0])
    return None if named else f"names no file: {lines[0][:300]}"


def may_be_missing(job: Job, name: str, what: str) -> bool:
    """Snakemake sees that an input is gone; what a stage can do without, as ready-made models have none, it does without."""
    if job.rule == "report":
        return Path(name).name in ("probes.csv", "signatures.csv", "claims.json") and what == "gone"
    return job.rule == "tables" and name.startswith("results/models/") and what in ("gone", "a folder")


def tried(
    job: Job, name: str, damage: Damage, rng: random.Random, kept: Path, *, sealed: bool
) -> tuple[Ended, list[str]]:
    """Damage, let the job work, and make all as it was; what it changed besides."""
    before, path = dict(contents(Path())), Path(name)
    damage(path, rng)
    if not sealed and path.is_file():
        with contextlib.suppress(OSError):
            os.removexattr(path, seals.NAME)
    damaged = path.read_bytes() if path.is_file() else None
    ended = work(job)
    after = dict(contents(Path()))
    untouched = (path.read_bytes() if path.is_file() else None) == damaged
    changed = [file for file in before.keys() | after.keys() if file != name and before.get(file) != after.get(file)]
    if path.is_dir():
        path.rmdir()
    for file in {name, *changed}:
        Path(file).unlink(missing_ok=True)
        if (kept / file).exists():
            shutil.copy2(kept / file, file)
    return ended, changed + [name] * (not untouched)


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign: a line for each stage."""
    rng, found = random.Random(seed), defaultdict(lambda: Count(""))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        folder, kept = Path(name) / "run", Path(name) / "kept"
        jobs = make(folder)
        shutil.copytree(folder / "results", kept / "results")
        with contextlib.chdir(folder):
            campaign(jobs, kept, rounds, rng, found)
            bare = defaultdict(lambda: Count(""))
            campaign(jobs, kept, rounds, rng, bare, sealed=False)
    return [*found.values(), total(bare)]


def total(found: dict[str, Count]) -> Count:
    """All rules in one line."""
    count = Count("damaged inputs of every rule, where files have no seals")
    for one in found.values():
        count.failures += one.failures
        for how, many in one.ends.items():
            count.ends[how] = count.ends.get(how, 0) + many
    return count


def damaged(
    job: Job, known: list[str], kept: Path, rounds: int, rng: random.Random, count: Count, *, sealed: bool
) -> None:
    """Every way of a job; first that it works undamaged, as it might refuse whatever it is given."""
    before, ended = dict(contents(Path())), work(job)
    if ended.status != 0 or dict(contents(Path())) != before:
        count.failed(f"{job.outputs[0]}: undamaged, status {ended.status}: {ended.said[-200:]} {ended.error}")
        return
    for name, what, damage in ways(job, known, rounds, rng):
        if may_be_missing(job, name, what):
            continue
        try:
            ended, changed = tried(job, name, damage, rng, kept, sealed=sealed)
        except (IndexError, ValueError, pa.ArrowException):
            continue  # the damage does not apply: a file without such a column
        if not sealed and ended.status == 0 and changed and what in UNSEEN:
            count.ended("computed, unseen")
        elif said := wrong(job, name, ended, changed):
            count.failed(f"{what}: {name}: {said}")
        else:
            count.ended("refused" if ended.status else "made no difference")


def campaign(
    jobs: list[Job], kept: Path, rounds: int, rng: random.Random, found: dict[str, Count], *, sealed: bool = True
) -> None:
    """Every way of every job, one job of each rule and round."""
    known = sorted({name for job in jobs for name in (*job.inputs, *job.outputs)})
    by_rule = defaultdict(list)
    for job in jobs:
        by_rule[job.rule].append(job)
    for rule, same in by_rule.items():
        count = found[rule]
        count.what = f"damaged inputs of {rule}" + " without seals" * (not sealed)
        for job in rng.sample(same, min(rounds, len(same))):
            damaged(job, known, kept, rounds, rng, count, sealed=sealed)
        if not count.tried:
            del found[rule]
        else:
            say(f"  {count.row('')}")
