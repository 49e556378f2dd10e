"""Stages that buy from a provider killed at random moments: what came is found again, and nothing is paid twice.

The provider is the tests' own (tests/api), on loopback; every trial has one that nobody has asked anything.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import yaml

from report import ROOT, Count, say
from small_run import make

sys.path.insert(0, str(ROOT / "tests/api"))
from brain import Brain
from provider import Provider
from provider_http import serve
from shop import KEY, Shop, bought_once, finetune, played, rollout, select_all

from conftest import CONTEXTS, TASK, start
from rmft.core.contexts import context_from_config
from rmft.core.tasks import task_from_config

KILLS, MISSES = 20, 4  # of each kind of work under way, in each round; how many times as many trials that may take
HANGS = 300  # seconds
CONCURRENCY = 2  # requests under way at once, of live play
LIVE = {"mode": "live", "concurrency": CONCURRENCY}
BATCH = {"mode": "batch", "batch_tokens": 300, "least_examples": 8}
HOW = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}


@contextlib.contextmanager
def open_shop(brain: Brain, folder: Path) -> Iterator[Shop]:
    """A provider that nobody has asked anything, and a folder to buy into."""
    folder.mkdir(parents=True, exist_ok=True)
    provider = Provider(brain, KEY, slow=2)
    server, url = serve(provider)
    task = task_from_config(TASK["name"], {key: value for key, value in TASK.items() if key != "name"})
    context = context_from_config(yaml.safe_load((CONTEXTS / "buttons.yaml").read_text()), arms=TASK["arms"])
    try:
        yield Shop(provider, url, folder, task, context, TASK)
    finally:
        server.shutdown()
        server.server_close()


def ended(process: Popen) -> tuple[int | str, str]:
    """Its exit status, and what it said; one that hangs is ended."""
    try:
        _, said = process.communicate(timeout=HANGS)
    except TimeoutExpired:
        process.kill()
        return f"a hang of {HANGS} seconds", process.communicate()[1]
    return process.returncode, said


@dataclass(frozen=True)
class Work:
    """A stage that buys: how it is started, what it makes, and how many replies a kill may cost twice."""

    what: str
    begin: Callable[[Shop], Popen]
    made: Callable[[Shop], object]
    again: int = 0


def trial(shop: Shop, work: Work, how: str, seconds: float, rng: random.Random) -> bool:
    """Killed once or twice within so long and started again; whether it was under way. AssertionError: what is wrong."""
    hits = 0
    for _ in range(rng.choice((1, 1, 2))):
        process = work.begin(shop)
        with contextlib.suppress(TimeoutExpired):
            process.communicate(timeout=rng.uniform(0, seconds))
        process.send_signal(HOW[how])
        hits += ended(process)[0] != 0
    status, said = ended(work.begin(shop))
    assert status == 0, f"then ended with {status}: {said[-300:]}"
    bought_once(shop, again=hits * work.again)
    return hits > 0


def tuned(shop: Shop) -> str:
    """What a fine-tuning made: of a job, its name is in it."""
    assert len(shop.provider.jobs) == 1
    policy = json.loads((shop.folder / "next/policy.json").read_text())
    return policy["kind"] + json.dumps(json.loads((shop.folder / "next/sft.json").read_text())["curve"])


WORK = (
    Work("a rollout by batches", lambda shop: rollout(shop, start, **BATCH), played),
    Work("a live rollout", lambda shop: rollout(shop, start, **LIVE), played, CONCURRENCY),
    Work("a fine-tuning by a provider", lambda shop: finetune(shop, start), tuned),
)


def of_work(work: Work, kills: int, rng: random.Random, brain: Brain, folder: Path) -> Count:
    """Many trials of one kind of work, each from what the undisturbed one began with."""
    count, first = Count(f"kills of {work.what}"), folder / "undisturbed"
    (first / "cell").mkdir(parents=True)
    with open_shop(brain, first) as shop:
        if work.made is tuned:  # it needs something to learn from
            ended(rollout(shop, start, **BATCH))
            select_all(shop)
        shutil.copytree(first / "cell", folder / "cell")
        begun = time.monotonic()
        status, said = ended(work.begin(shop))
        seconds = time.monotonic() - begun
        if status:
            raise RuntimeError(f"{work.what}: ends with {status} where nothing is wrong: {said[-300:]}")
        whole = work.made(shop)
    number = hits = 0
    while hits < kills and number < MISSES * kills:
        number += 1
        how, own = list(HOW)[number % len(HOW)], folder / str(number)
        shutil.copytree(folder / "cell", own / "cell")
        with open_shop(brain, own) as shop:
            shop.bill(**BATCH)
            try:
                hit = trial(shop, work, how, seconds, rng)
                assert work.made(shop) == whole, "then made something else"
                hits += hit
                count.ended(f"survived {how}" if hit else "had ended before it was killed")
            except AssertionError as error:
                count.failed(f"{how}: {error}")
        shutil.rmtree(own)
    say(f"  {count.row('')}")
    return count


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign: a line for each kind of work."""
    os.environ["OPENAI_API_KEY"] = KEY
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        folder = Path(name)
        make(folder / "run")
        brain = Brain(folder / "run/results/models/tiny", folder / "tuned")
        return [of_work(work, KILLS * rounds, random.Random(seed), brain, folder / work.what) for work in WORK]
