"""Stages really killed at random moments, then started again: the same bytes, nothing left over."""

import contextlib
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from report import Count, say
from rmft.stages import files
from small_run import Job, contents, make, work

KILLS, MISSES = 50, 4  # of stages under way, in each round; how many times as many trials that may take
RULES = (
    "base_policy",
    "rollout",
    "rollout_heldout",
    "score",
    "select",
    "sft",
    "evaluate",
    "probe",
    "baseline",
    "tables",
)
HANGS = 300  # seconds after which a job of these sizes will not end
HOW = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "power loss": signal.SIGKILL}


@dataclass(frozen=True)
class Kill:
    """Whether the signal ended the stage, the finished chunks that it left, and what it left in part under its own name."""

    hit: bool
    chunks: int
    half: str | None


def started(job: Job, tally: Path) -> int:
    """The job in a forked process, with everything imported already; it writes a letter into ``tally`` for each table."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until the child has its own end in sight
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return pid
    code, write = 70, files.write_table
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        os.setsid()

        def counted(path: Path, table: object) -> None:
            write(path, table)
            with tally.open("a") as stream:
                stream.write("x")

        files.write_table = counted
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1), os.dup2(sink, 2)
        ended = work(job)
        code = 71 if ended.status is None else ended.status
        if code not in (0, 143):
            tally.with_name("said").write_text(f"{ended.said[-500:]} {ended.error}")
    except BaseException as error:  # the child must never return into the campaign
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 72
    finally:
        os._exit(code)


def wait(pid: int) -> int | str:
    """Its exit status; minus the signal that ended it. One that hangs is ended, and said to."""
    end, gone = time.monotonic() + HANGS, 0
    while not gone:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if not gone and time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return f"a hang of {HANGS} seconds"
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(status)


def torn(folder: Path, since: float, rng: random.Random) -> None:
    """The file that was written last cut off at a random byte, as a disk leaves it that lost power; not an empty lock."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("lock")]
    if written := [path for path in files if path.stat().st_mtime >= since and path.stat().st_size]:
        last = max(written, key=lambda path: path.stat().st_mtime_ns)
        os.truncate(last, rng.randrange(last.stat().st_size))


def chunks() -> set[Path]:
    """Finished chunks of rollouts under way."""
    return {path for path in Path("results").rglob(".*.chunks/*/*.parquet") if not path.name.startswith(".")}


def cleared(job: Job) -> None:
    """Without its outputs, as Snakemake leaves a job that it found incomplete."""
    for name in job.outputs:
        Path(name).unlink(missing_ok=True)


def killed(job: Job, how: str, seconds: float, whole: dict[str, str], rng: random.Random, tally: Path) -> Kill:
    """Start the job without its outputs and kill it at a random moment."""
    cleared(job)
    since, pid = time.time(), started(job, tally)
    time.sleep(rng.uniform(0, seconds))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, HOW[how])
    status = wait(pid)
    if status not in (0, -HOW[how], 128 + HOW[how]):
        raise RuntimeError(f"{job.rule}: ends with {status} by {how}")
    there = dict(contents(Path()))
    half = next((name for name in job.outputs if there.get(name, whole[name]) != whole[name]), None)
    cleared(job)
    if how == "power loss":
        torn(Path("results"), since, rng)
    return Kill(status != 0, len(chunks()), half)


def trial(job: Job, how: str, seconds: float, whole: dict[str, str], rng: random.Random, folder: Path) -> tuple:
    """Killed once or twice and started again: whether it was under way, and what is wrong with how it ended, or None."""
    tally = folder / "tally"
    kills = [killed(job, how, seconds, whole, rng, tally) for _ in range(rng.choice((1, 1, 2)))]
    return any(kill.hit for kill in kills), ended(job, kills, whole, tally, torn=how == "power loss")


def ended(job: Job, kills: list[Kill], whole: dict[str, str], tally: Path, *, torn: bool) -> str | None:
    """Start it again; what is wrong with what was left or with how it ends, or None."""
    if half := next((kill.half for kill in kills if kill.half), None):
        return f"left {half} half-written under its own name"
    tally.write_text("")
    if status := wait(started(job, tally)):
        said = tally.with_name("said")
        return f"then ended with {status}: {said.read_text() if said.exists() else ''}"
    found, made = dict(contents(Path())), len(tally.read_text())
    if odd := sorted(name for name in found.keys() | whole.keys() if found.get(name) != whole.get(name)):
        return f"then {'left' if odd[0] in found and odd[0] not in whole else 'differs in'} {odd[0]}"
    parts, kept = pieces(job), kills[-1].chunks
    if parts and made > parts + 1 - kept + torn:
        return f"made {made - 1} chunks again, of {parts}, of which {kept} were finished"
    return None


def pieces(job: Job) -> int:
    """The chunks of a rollout in words, 0 of other jobs: 8 scenarios in chunks of 8 episodes."""
    if job.stage != "rollout" or "/transformer/" in job.outputs[0]:
        return 0
    return 4 if "trajectories.parquet" in job.outputs[0] else 2


def of_stage(job: Job, kills: int, rng: random.Random, folder: Path) -> Count:
    """Many kills of one job."""
    count, whole = Count(f"kills of {job.rule}"), dict(contents(Path()))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # no threads before a fork
    cleared(job)
    work(job)  # imports all that it needs, so that kills hit the work
    cleared(job)
    start = time.monotonic()
    if status := wait(started(job, folder / "tally")):
        raise RuntimeError(f"{job.rule}: ends with {status} where nothing is wrong")
    seconds = time.monotonic() - start
    hits = 0
    for number in range(MISSES * kills):
        how = list(HOW)[number % len(HOW)]
        hit, said = trial(job, how, seconds, whole, rng, folder)
        hits += hit
        if said:
            count.failed(f"{how}: {said}")
            shutil.rmtree("results")
            shutil.copytree(folder / "whole/results", "results")
        else:
            count.ended(f"survived {how}" if hit else "had ended before it was killed")
        if hits == kills:
            break
    return count


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign: a line for each stage."""
    rng, found = random.Random(seed), []
    # Progress bars share a lock with every process forked from here, and one that is killed may never give it back.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        folder = Path(name)
        jobs = make(folder / "run")
        shutil.copytree(folder / "run/results", folder / "whole/results")
        by_rule = {job.rule: job for job in jobs}
        with contextlib.chdir(folder / "run"):
            for rule in RULES:
                found.append(of_stage(by_rule[rule], KILLS * rounds, rng, folder))
                say(f"  {found[-1].row('')}")
    return found
