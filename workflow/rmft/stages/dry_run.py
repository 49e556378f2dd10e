"""What `snakemake --dry-run` says: the jobs of a plan, with their files, threads, GPUs and cluster jobs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"(?P<group>.*\bGroup job (?P<name>\S+) .*:)|(?P<indent> *)(?:local)?rule (?P<rule>\w+):")
SAID = re.compile(r" +(input|output|benchmark|wildcards|threads|priority|resources): (.*)")


@dataclass(frozen=True)
class Job:
    """A job of the plan. ``place``: its file below the folder of benchmarks, less .tsv (empty: it takes no time). ``group``:
    the cluster job that it is part of, if several rules share one."""

    rule: str
    wildcards: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    threads: int = 1
    gpus: int = 0
    priority: int = 0
    place: str = ""
    group: str | None = None

    @property
    def model(self) -> str:
        """The model that it runs, or a dash."""
        return self.wildcards.get("model", "-")


def read_plan(text: str) -> list[Job]:
    """The jobs that a dry run lists, in its order. Raises ValueError where the text is no dry run's."""
    jobs = [_job(rule, group, said) for rule, group, said in _blocks(text)]
    if not jobs and "Nothing to be done" not in text:
        raise ValueError("stdin: no plan of jobs; pipe `snakemake --dry-run` into this")
    return jobs


def _blocks(text: str) -> Iterator[tuple[str, str | None, dict[str, str]]]:
    """Rule, group and what is said of each job; those of a group are indented below its line."""
    rule, group, said = None, None, {}
    for line in text.splitlines():
        if found := LINE.fullmatch(line):
            if rule:
                yield rule, group, said
            group = found["name"] if found["group"] else group if found["indent"] else None
            rule, said = found["rule"], {}
        elif rule and (key := SAID.fullmatch(line)):
            said[key[1]] = key[2]
    if rule:
        yield rule, group, said


def _pairs(text: str) -> dict[str, str]:
    """What stands as `name=value, name=value`."""
    return dict(pair.partition("=")[::2] for pair in text.split(", ")) if text else {}


def _job(rule: str, group: str | None, said: dict[str, str]) -> Job:
    """The job of a block."""
    file = said.get("benchmark", "").partition("benchmarks/")[2]
    files = {key: tuple(said[key].split(", ")) if key in said else () for key in ("input", "output")}
    return Job(
        rule=rule,
        wildcards=_pairs(said.get("wildcards", "")),
        inputs=files["input"],
        outputs=files["output"],
        threads=int(said.get("threads", 1)),
        gpus=int(_pairs(said.get("resources", "")).get("gpu", 0)),
        priority=int(said.get("priority", 0)),
        place=file.removesuffix(".tsv"),
        group=group,
    )
