"""plan: the bill before the run. What the jobs of a dry run will take; none is started.

    snakemake --dry-run | python -m rmft.stages.plan --configs config.yaml config.laptop.yaml

What a job takes is what the config alone says of it (stages/expected.py), times what the finished jobs nearest to it took
over that: of its own cell, else its method, its task, its model, its rule (stages/finished.py).
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from rmft.stages import bill as closed
from rmft.stages import expected, finished, program, timetable
from rmft.stages.check_config import complaint
from rmft.stages.config_files import read_configs
from rmft.stages.dry_run import Job, read_plan

HEAD = ("model", "stage", "jobs", "core h", "GPU h", "prompt", "sampled", "disk", "s each", "seconds are from")
UNITS = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))


@dataclass(frozen=True)
class Cost:
    """A job and what it will take; ``measured``: the seconds are from finished jobs, not guessed from the config; ``waits``:
    they are none, as its time is a provider's."""

    job: Job
    seconds: float
    prompt: float
    sampled: float
    bytes: float
    measured: bool
    waits: bool = False

    @property
    def core_seconds(self) -> float:
        """Seconds of all its threads."""
        return self.seconds * self.job.threads

    @property
    def gpu_seconds(self) -> float:
        """Seconds of all its GPUs."""
        return self.seconds * self.job.gpus


def costs(jobs: Iterable[Job], config: dict, results: Path) -> list[Cost]:
    """What each job will take. Raises ValueError where the config does not know one, or a finished file cannot be read."""

    bought = closed.tokens(config, closed.CONTEXTS)

    def told(i: int) -> Callable[[str], float]:
        return lambda place: (bought.get(place) or expected.tokens(config, place))[i]

    def second(place: str) -> float:
        return expected.seconds(config, place)

    def size(place: str) -> float:
        return expected.size(config, place)

    took = finished.seconds(results / "benchmarks", second)
    prompted = finished.tokens(results, "tokens_prompt", told(0))
    sampled = finished.tokens(results, "tokens_sampled", told(1))
    sized = finished.sizes(results, size)
    known = ((took, second), (prompted, told(0)), (sampled, told(1)), (sized, size))
    return [replace(_cost(job, known), waits=closed.waits(config, job.place)) for job in jobs]


def _cost(job: Job, known: Iterable[tuple]) -> Cost:
    """What a job will take, by what was expected of it and how the nearest compare to that."""
    if not job.place:
        return Cost(job, 0.0, 0.0, 0.0, 0.0, measured=False)
    ratios, amounts = [], []
    for nearest, guess in known:
        try:
            amount, ratio = guess(job.place), nearest(job.place)
        except KeyError as error:
            raise ValueError(
                f"--configs: no {error.args[0]} there, which {job.place} needs; name this plan's configs"
            ) from None
        ratios.append(ratio)
        amounts.append(amount * (1.0 if ratio is None else ratio))
    return Cost(job, *amounts, measured=ratios[0] is not None)


def held(jobs: list[Job]) -> list[Job]:
    """The jobs, each with the GPUs that its cluster job holds while it runs."""
    most: Counter[str] = Counter()
    for job in jobs:
        if job.group:
            most[job.group] = max(most[job.group], job.gpus)
    return [replace(job, gpus=most[job.group]) if job.group else job for job in jobs]


def started(found: list[Cost]) -> list[list[Cost]]:
    """What is started as one: a cluster job, whose rules run one by one, or a job."""
    parts: dict[str, list[Cost]] = {}
    for i, cost in enumerate(found):
        parts.setdefault(cost.job.group or f"job {i}", []).append(cost)
    return list(parts.values())


def tasks(parts: list[list[Cost]]) -> list[timetable.Task]:
    """What each of them holds, how long, and what comes before it by its files."""
    maker = {file: i for i, part in enumerate(parts) for cost in part for file in cost.job.outputs}
    made = []
    for i, part in enumerate(parts):
        before = {maker[file] for cost in part for file in cost.job.inputs if file in maker} - {i}
        most = {key: max(getattr(cost.job, key) for cost in part) for key in ("threads", "gpus", "priority")}
        made.append(timetable.Task(sum(cost.seconds for cost in part), **most, before=frozenset(before)))
    return made


def short(number: float) -> str:
    """A number in three digits and a letter."""
    size, letter = next(((size, letter) for letter, size in UNITS if number >= size), (1, ""))
    digits = ".0f" if size == 1 or number >= 100 * size else ".3g"
    return f"{number / size:{digits}}{letter}"


def said(seconds: float) -> str:
    """A duration in hours and minutes."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes} min"


def table(found: list[Cost]) -> list[str]:
    """A line for each model and rule, and one for all."""
    groups: dict[tuple[str, str], list[Cost]] = {}
    for cost in found:
        groups.setdefault((cost.job.model, cost.job.rule), []).append(cost)
    rows = [HEAD] + [(*key, *_numbers(group)) for key, group in sorted(groups.items(), key=lambda item: item[0][0])]
    rows.append(("all", "", *_numbers(found)[:-2], "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    aligned = [("<" if i in (0, 1, len(HEAD) - 1) else ">") + str(width) for i, width in enumerate(widths)]
    return ["  ".join(f"{cell:{to}}" for cell, to in zip(row, aligned, strict=True)).rstrip() for row in rows]


def _numbers(group: list[Cost]) -> tuple[str, ...]:
    """The cells of a line."""
    n, measured = len(group), sum(cost.measured for cost in group)
    hours = [sum(getattr(cost, key) for cost in group) / 3600 for key in ("core_seconds", "gpu_seconds")]
    amounts = [sum(getattr(cost, key) for cost in group) for key in ("prompt", "sampled", "bytes")]
    source = "a guess" if not measured else "finished jobs" if measured == n else "finished jobs, and a guess"
    source = "waits on the provider" if all(cost.waits for cost in group) else source
    each = sum(cost.seconds for cost in group) / n
    return f"{n:,}", *(f"{hour:.2f}" for hour in hours), *map(short, amounts), f"{each:.1f}", source


def chain(parts: list[list[Cost]], made: list[timetable.Task]) -> str:
    """The longest chain, in one line."""
    links = timetable.longest_chain(made)
    seconds = sum(made[i].seconds for i in links)
    count = Counter(cost.job.rule for i in links for cost in parts[i] if cost.job.place)
    rules = ", ".join(f"{n} {rule}" for rule, n in count.items())
    return f"longest chain: {said(seconds)} in {sum(count.values())} jobs, one after another: {rules}"


def dollars(jobs: Iterable[Job], config: dict) -> list[str]:
    """The bill of every closed model that the jobs ask, and what these jobs are of it."""
    places, lines = {job.place for job in jobs}, []
    for name in closed.selected(config):
        found = closed.items(config, name, closed.CONTEXTS)
        now = [item for item in found if item.place in places]
        lines += [
            *closed.said(config, name, found),
            f"API: {sum(x.usd for x in now):.2f} dollars for {name} in these jobs",
        ]
        if now:
            how = closed.waiting(config["models"][name]["terms"], now)
            lines.append(f"API: {name} waits on its provider, {how}; no hours here hold that")
    return lines or ["API: 0 dollars; no closed model is selected"]


def bill(found: list[Cost], cores: int, gpus: int | None, asked: Iterable[str] = ()) -> list[str]:
    """All lines; ``asked``: those about dollars."""
    found = [cost for cost in found if cost.job.place]
    parts = started(found)
    made = tasks(parts)
    wall = timetable.wall(made, cores, gpus)
    as_one = f" in {len(parts):,} cluster jobs" if len(parts) < len(found) else ""
    room = "threads" if gpus is None else "threads and GPUs"
    machine = f"{cores} cores" if gpus is None else f"{cores} cores and {gpus} GPUs"
    spread, end = said(sum(cost.core_seconds for cost in found) / cores), datetime.now() + timedelta(seconds=wall)
    return [
        *table(found),
        "a job's seconds, tokens, bytes: what the config has it do, at the rate of the nearest finished jobs, or a guess",
        *asked,
        chain(parts, made),
        f"wall time: each job starts as soon as its {room} are free; core h / cores alone would be {spread}",
        f"{len(found):,} jobs{as_one} on {machine}: about {said(wall)}, until {end:%A %H:%M}",
    ]


def work(args: argparse.Namespace) -> None:
    """Print what the jobs will take and when the last of them will have ended."""
    for flag, value in (("--cores", args.cores), ("--gpus", args.gpus)):
        if value is not None and value < 1:
            raise ValueError(f"{flag}: must be 1 or more, not {value}")
    config = read_configs(args.configs)
    if wrong := complaint(config):
        raise ValueError(f"config: {wrong}")
    jobs = read_plan(sys.stdin.read())
    jobs = held(jobs) if args.gpus else [replace(job, gpus=0) for job in jobs]
    if not any(job.place for job in jobs):
        print("Nothing to do: every job is done.")
        return
    print(*bill(costs(jobs, config, args.results), args.cores, args.gpus, dollars(jobs, config)), sep="\n")


def main(argv: list[str] | None = None) -> int:
    """The program's command line."""
    parser = argparse.ArgumentParser(prog="plan", description="What the jobs of a dry run on stdin will take.")
    parser.add_argument("--configs", type=Path, nargs="+", required=True, help="config files, later over earlier ones")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the folder of what has finished")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--cores", type=int, default=cores, help="cores that run jobs side by side; default: all")
    parser.add_argument(
        "--gpus", type=int, help="GPUs side by side; without it none is there, and nothing waits for one"
    )
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
