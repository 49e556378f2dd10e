"""Every key of the configs made wrong: each mutant runs, or is refused in one line that names a key, and never hangs."""

import copy
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from report import ROOT, Count, say
from rmft.stages import check_config, config_files, grid
from texts import TEXTS

CONFIGS = ("config.yaml", "config.laptop.yaml")
PARTS = ("Snakefile", "config.yaml", "config.laptop.yaml", "workflow", "profiles")
SECONDS, JOBS = 10, 20_000  # a mutant that takes longer to check hangs; one of more runs than this should be refused
PER_KEY, REAL = 2, 8  # mutants of each key, and of all of them those that a real dry run sees, in each round
HARMLESS = ("cut off", "Windows' line ends", "a byte order mark")  # damages of a text that leave a config that can run
TRAP = "PWNED"  # a file of this name appears where something was executed
VALUES = [None, True, [], {}, 0, -1, 1, 2.5, 1e308, float("nan"), float("inf"), 10**12, 10**40, -(10**40), "", "text"]
VALUES += ["1e-3", "y", "null", f"$(touch {TRAP})", f"`touch {TRAP}`", f"'; touch {TRAP}; '", f"x && touch {TRAP}"]
VALUES += [
    "a b",
    "it's",
    '"',
    "ünïcødé",
    "\u202e",
    "../../up",
    "/etc/passwd",
    "x" * 5000,
    "two\nlines",
    "\t",
    "{wildcards.x}",
]
VALUES += [
    "{",
    "%s",
    "-rf",
    "--help",
    "~",
    "*",
    "NUL\u0001",
    [[]],
    [None],
    ["x", "x"],
    [0] * 3,
    {"a": {"b": 1}},
    [{}],
    [10**12],
]


class Hung(Exception):
    """The alarm went off."""


@dataclass(frozen=True)
class Mutant:
    """A config that was made wrong: what was done to which key of which file, and the text of the files; whether it cannot
    run whatever else holds."""

    what: str
    place: tuple
    texts: dict[str, str]
    impossible: bool

    def names(self, line: str) -> bool:
        """Whether the line names what was changed, a key on the way to it or a file; of a damaged text, any key."""
        keys = (*self.place[-3:], *self.texts)
        words = (re.escape(key) for key in keys if isinstance(key, str))
        named = any(re.search(rf"(?<![\w-]){word}(?![\w-])", line) for word in words)
        return named if self.place else named or re.match(r"[^ :]+: ", line) is not None


def places(value: object, place: tuple = ()) -> Iterator[tuple]:
    """Every key of a config, and every item of its lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*place, key)
        yield from places(below, (*place, key))


def typo(key: str, rng: random.Random) -> str:
    """A key with a letter dropped, doubled or exchanged, or another word."""
    at = rng.randrange(max(1, len(key)))
    odd = [f"{key} ", key.upper(), f"{key}; touch {TRAP}", f"$(touch {TRAP})", "ключ", f"../{key}", "", "a.b", "<<"]
    return rng.choice([key[:at] + key[at + 1 :], key[:at] + key[at : at + 1] + key[at:], *odd])


def mutate(config: dict, place: tuple, rng: random.Random) -> tuple[str, bool]:
    """Change one place of a config, in place; returns what was done, and whether no config can have it there."""
    *path, last = place
    for key in path:
        config = config[key]
    match rng.randrange(6):
        case 0:
            del config[last]
            return "deleted", False
        case 1 if isinstance(config, dict):
            config[name := typo(last, rng)] = config.pop(last)
            return f"renamed to {name!r}", False
        case 2 if isinstance(config[last], dict | list):
            config[last] = copy.deepcopy(rng.choice([[config[last]], {"x": config[last]}]))
            return "wrapped", False
        case _:
            old, new = config[last], rng.choice([value for value in VALUES if repr(value) != repr(config[last])])
            config[last] = copy.deepcopy(new)
            return f"set to {str(new)[:40]!r}", of_another_kind(old, new)


def of_another_kind(old: object, new: object) -> bool:
    """Whether one is a list or mapping and the other is not, or a word stands for a number."""
    if isinstance(old, dict | list) != isinstance(new, dict | list):
        return old is not None and new is not None
    return type(old) in (int, float) and isinstance(new, str)


def door(name: str) -> str:
    """The text of a config; config.yaml as the cluster takes it, alone, so that nothing hides what is wrong with it."""
    return (ROOT / name).read_text().replace("door: laptop", "door: cluster" if name == CONFIGS[0] else "door: laptop")


def mutants(rounds: int, rng: random.Random) -> Iterator[Mutant]:
    """Each key of each file PER_KEY times a round; and each damage of texts.py done to each file."""
    for name in CONFIGS:
        text = door(name)
        config = json.loads(json.dumps(yaml.safe_load(text)))  # what anchors share becomes copies
        for place in places(config):
            for _ in range(PER_KEY * rounds):
                changed = copy.deepcopy(config)
                what, impossible = mutate(changed, place, rng)
                said = f"{name}: {'.'.join(map(str, place))}: {what}"
                yield Mutant(said, place, {name: plain(changed)}, impossible)
        for what, damage in TEXTS.items():
            for _ in range(rounds):
                yield Mutant(f"{name}: {what}", (), {name: damage(text, rng)}, what not in HARMLESS)


class Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """YAML without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def plain(config: dict) -> str:
    """The config as YAML."""
    return yaml.dump(config, Dumper=Plain, allow_unicode=True)


def verdict(mutant: Mutant, folder: Path) -> str | None:
    """What the check says of a mutant: one line, or None where it could run. Raises Hung where it takes too long."""
    for name in CONFIGS:
        (folder / name).write_text(mutant.texts.get(name) or (ROOT / name).read_text(), "utf-8", "surrogatepass")
    paths = [folder / name for name in CONFIGS]
    signal.alarm(SECONDS)
    try:
        if wrong := config_files.unreadable(paths):
            return wrong
        config = config_files.read_configs(paths[:1])
        config = config_files.read_configs(paths) if config.get("door") == "laptop" else config
        if (wrong := check_config.complaint(config)) is None:
            runs = sum(run["iterations"] for run in grid.runs(config))
            if runs > JOBS:
                raise Hung(f"{runs} iterations of work were accepted")
        return wrong
    finally:
        signal.alarm(0)


def alarm(*_: object) -> None:
    """The alarm of verdict."""
    raise Hung(f"no answer in {SECONDS} s")


def checked(rounds: int, rng: random.Random, folder: Path) -> tuple[Count, list[tuple[Mutant, str | None]]]:
    """All mutants by the check alone, and what it said of each."""
    count, said = Count("config mutants, by the check"), []
    signal.signal(signal.SIGALRM, alarm)
    for mutant in mutants(rounds, rng):
        try:
            line = verdict(mutant, folder)
        except Hung as error:
            count.failed(f"{mutant.what}: {error}")
            continue
        except Exception:
            *_, where, _, last = traceback.format_exc().splitlines()
            count.failed(f"{mutant.what}: {last[:200]} {where}")
            continue
        if wrong := unlike(mutant, line, folder):
            count.failed(f"{mutant.what}: {wrong}")
        else:
            count.ended("could run" if line is None else "refused")
            said.append((mutant, line))
    return count, said


def unlike(mutant: Mutant, line: str | None, folder: Path) -> str | None:
    """What is wrong with what was said of a mutant (None: that it could run), or None."""
    if traps := [place for place in (Path(TRAP), folder / TRAP) if place.exists()]:
        traps[0].unlink()
        return "something was executed"
    if line is None:
        return "could run" if mutant.impossible else None
    return f"{line[:300]!r} names no key, or is no line" if not is_line(line) or not mutant.names(line) else None


def is_line(said: str) -> bool:
    """Whether it is one line that a reader can take in."""
    return "\n" not in said and len(said) <= 1000


def dry_run(mutant: Mutant, folder: Path) -> subprocess.CompletedProcess:
    """A real `snakemake --dry-run` on a mutant, in a copy of the workflow."""
    for part in PARTS:
        if not (folder / part).exists():
            (folder / part).symlink_to(ROOT / part)
    for name in CONFIGS:
        (folder / name).unlink()
        (folder / name).write_text(mutant.texts.get(name) or (ROOT / name).read_text(), "utf-8", "surrogatepass")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "workflow"), "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def as_the_check_says(count: Count, mutant: Mutant, line: str | None, folder: Path) -> None:
    """Whether Snakemake does with a mutant what the check said that it would."""
    try:
        done = dry_run(mutant, folder)
    except subprocess.TimeoutExpired:
        return count.failed(f"{mutant.what}: the dry run hangs")
    text = done.stdout + done.stderr
    if "Traceback" in text or (folder / TRAP).exists():
        return count.failed(f"{mutant.what}: {text[-400:]!r}")
    if (done.returncode == 0) != (line is None) or (line and f"config: {line}".split(str(folder))[-1] not in text):
        return count.failed(f"{mutant.what}: status {done.returncode}, the check says {line!r}, it {text[-400:]!r}")
    return count.ended("refused" if line else "planned")


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        folder = Path(name)
        by_check, said = checked(rounds, rng, folder)
        say(by_check.row(""))
        real = Count("config mutants, by `snakemake --dry-run`")
        accepted = [pair for pair in said if pair[1] is None]
        sample = rng.sample(accepted, min(len(accepted), REAL * rounds // 2)) + rng.sample(said, REAL * rounds // 2)
        for mutant, line in sample:
            as_the_check_says(real, mutant, line, folder)
    return [by_check, real]
