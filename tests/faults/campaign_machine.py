"""A machine that fails: no space, nothing writable, no memory, no network, two workflows at once, a clock that jumps.

Each time: one clear line, results as they were, and the same command finishes when the machine is well again.
"""

import contextlib
import ctypes
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign_kills import cleared, pieces, started, wait
from report import Count, say
from small_run import Ended, Job, contents, environment, make, snakemake, work

M_MMAP_THRESHOLD = -3  # of malloc.h
RULES = (
    "base_policy",
    "rollout",
    "rollout_heldout",
    "score",
    "select",
    "sft",
    "evaluate",
    "baseline",
    "tables",
    "theory_tables",
    "draw",
)


@contextlib.contextmanager
def mounted(place: Path, megabytes: int) -> Iterator[None]:
    """A small file system in memory at a folder; needs root."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextlib.contextmanager
def full(spare: int) -> Iterator[None]:
    """A file system with so many bytes left."""
    filler = Path("results/filler")
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1 << 16))
    with filler.open("r+b") as stream:
        stream.truncate(max(0, filler.stat().st_size - spare))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """A file system that nobody may write to: bound over itself, as a busy one cannot be mounted anew."""
    subprocess.run(["mount", "--bind", "-o", "ro", "results", "results"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", "results"], check=True)


@contextlib.contextmanager
def jumped(seconds: float) -> Iterator[None]:
    """Every result as if written so long after now: what a clock that was set back leaves."""
    for path in Path("results").rglob("*"):
        os.utime(path, (time.time() + seconds,) * 2)
    yield


def clear(job: Job, ended: Ended) -> str | None:
    """What is not clear about how a stage ended that could not work, or None."""
    lines = [line for line in ended.said.replace("\r", "\n").splitlines() if line.startswith(f"{job.stage}: ")]
    if ended.error or ended.status != 1 or len(lines) != 1:
        return f"status {ended.status}, {ended.error or ended.said[-300:]!r}"
    return None


def hit(job: Job, fault: Callable, *, must_fail: bool = True, must_work: bool = False) -> str | None:
    """A job under a fault, then without it; what is wrong with either, or None."""
    whole = dict(contents(Path()))
    cleared(job)
    with fault():
        before = dict(contents(Path()))
        ended = work(job)
        after = dict(contents(Path()))
    if ended.status != 0 and must_work:
        return f"status {ended.status}: {ended.said[-300:]}"
    if ended.status == 0 and must_fail:
        return "finished all the same"
    if ended.status != 0 and (said := clear(job, ended)):
        return said
    if lost := [name for name in before if after.get(name) != before[name]]:
        return f"lost {lost[0]}"
    if half := [name for name in job.outputs if name in after and after[name] != whole.get(name)]:
        return f"left {half[0]}, half-written"
    if (again := work(job)).status != 0:
        return f"then: {again.said[-300:]} {again.error}"
    found = dict(contents(Path()))
    odd = [name for name in found.keys() | whole.keys() if found.get(name) != whole.get(name)]
    return f"then left or changed {odd[0]}" if odd else None


def short_of_memory(job: Job, kilobytes: int) -> str | None:
    """A job in a forked process that may take so little memory more than it has; then without a limit."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 16)  # nothing big from what was freed before
    cleared(job)
    work(job)  # imports all that it needs, so that it is the work that has too little
    whole, said = dict(contents(Path())), Path("said")
    cleared(job)
    if not (pid := os.fork()):
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size + (kilobytes << 10), hard))
        ended = work(job)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        said.write_text("the limit was never met" if ended.status == 0 else clear(job, ended) or "")
        os._exit(0)
    if status := wait(pid):
        return f"ended with {status}"
    if text := said.read_text():
        return text
    said.unlink()
    cleared(job)
    ended, found = work(job), dict(contents(Path()))
    return None if ended.status == 0 and found == whole else f"then {ended.said[-200:]}"


def two_copies(job: Job, folder: Path) -> str | None:
    """The same stage twice at once, as a queue that begins a job again before the first is gone: one does the work."""
    whole, tally = dict(contents(Path())), folder / "tally"
    cleared(job)
    tally.write_text("")
    copies = [started(job, tally) for _ in range(2)]
    if any(ends := [wait(pid) for pid in copies]):
        return f"ended with {ends}"
    if dict(contents(Path())) != whole:
        return "made something else"
    return None if (made := len(tally.read_text())) == pieces(job) + 1 else f"wrote {made} tables"


def two_workflows(run: Path) -> str | None:
    """A second workflow on the same results is refused in words, and the first one finishes."""
    target = "results/cells/tiny/small/rmft/seed0/iter1/evaluation.parquet"
    command = snakemake(
        "--cores",
        "1",
        "--quiet",
        "host",
        "rules",
        "reason",
        "--rerun-triggers",
        "mtime",
        "--forcerun",
        "sft",
        "--",
    )
    whole = dict(contents(run))
    process = [subprocess.Popen([*command, target], cwd=run, env=environment(), stdout=-1, stderr=-2, text=True)]
    locks = run / ".snakemake/locks"
    while process[0].poll() is None and not (locks.exists() and any(locks.iterdir())):
        time.sleep(0.05)
    second = subprocess.run([*command, target], cwd=run, env=environment(), capture_output=True, text=True, check=False)
    text, _ = process[0].communicate()
    if process[0].returncode or second.returncode == 0 or "LockException" not in second.stderr:
        return f"first {process[0].returncode} {text[-200:]!r}, second {second.returncode} {second.stderr[-200:]!r}"
    if odd := [name for name, digest in contents(run) if "/cells/" in name and whole.get(name) != digest]:
        return f"changed {odd[0]}"
    return "a traceback" if "Traceback" in second.stderr else None


def without_network(job: Job, run: Path) -> str | None:
    """A stage as a program in a network of its own that leads nowhere; needs root."""
    text = ["unshare", "--net", os.sys.executable, "-m", f"rmft.stages.{job.stage}", *job.argv]
    own = {key: value for key, value in environment().items() if key != "HF_HUB_OFFLINE"}
    whole = dict(contents(run))
    for name in job.outputs:
        (run / name).unlink()
    done = subprocess.run(text, cwd=run, env=own, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        return f"{done.returncode}: {done.stderr[-300:]}"
    return None if dict(contents(run)) == whole else "other bytes than with a network"


def tally(what: str, found: Iterator[tuple[str, str | None]]) -> Count:
    """Count a kind of fault."""
    count = Count(what)
    for name, said in found:
        count.failed(f"{name}: {said}") if said else count.ended("survived")
    say(f"  {count.row('')}")
    return count


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign: a line for each kind of fault."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        run = Path(name) / ("a long path " * 12) / "run"
        by_rule = {job.rule: job for job in make(run) if "transformer" not in "".join(job.outputs)}
        return campaign([by_rule[rule] for rule in RULES], run, rounds, rng)


def campaign(jobs: list[Job], run: Path, rounds: int, rng: random.Random) -> list[Count]:
    """All faults on a finished run."""
    by_rule, found, there = {job.rule: job for job in jobs}, [], run / "results"
    two = [("snakemake", two_workflows(run)) for _ in range(rounds)]
    found.append(tally("two workflows on the same results", iter(two)))
    with contextlib.chdir(run):
        network = ((rule, without_network(by_rule[rule], run)) for rule in ("rollout", "sft"))
        found.append(tally("no network", network))
        little = ((f"sft, {kb} kB", short_of_memory(by_rule["sft"], kb)) for _ in range(rounds) for kb in (0, 128, 512))
        found.append(tally("too little memory", little))
        copies = (
            (rule, two_copies(by_rule[rule], run)) for rule in ("rollout", "rollout_heldout") for _ in range(rounds)
        )
        found.append(tally("two copies of a stage", copies))
        clock = ((job.rule, hit(job, lambda: jumped(86400), must_fail=False, must_work=True)) for job in jobs)
        found.append(tally("results dated a day ahead, as a clock set back leaves them", clock))
        there.rename(run / "kept")
        with mounted(there, 60):
            shutil.copytree(run / "kept", there, dirs_exist_ok=True)
            spare = [0, *(rng.randrange(40_000) for _ in range(rounds))]
            left = (
                (f"{job.rule}, {n} bytes left", hit(job, lambda n=n: full(n), must_fail=n == 0))
                for job in jobs
                for n in spare
            )
            found.append(tally("a full disk", left))
            found.append(tally("results that are read-only", ((job.rule, hit(job, read_only)) for job in jobs)))
        there.rmdir()
        (run / "kept").rename(there)
    return found
