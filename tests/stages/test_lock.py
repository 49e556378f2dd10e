"""Of two jobs on the same work one waits; a dead one's lock is broken, a living one's is not."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest

from rmft.stages.lock import held

BEAT = 0.05
HOLD = """
import sys, time
from pathlib import Path
from rmft.stages.lock import held
with held(Path(sys.argv[1])):
    print(1, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "scratch/lock"


def elsewhere(lock: Path) -> None:
    """A lock that a process of another machine holds."""
    lock.parent.mkdir()
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1, "job": "7", "token": "x"}))


def test_it_is_held_by_one_and_gone_in_the_end(lock: Path) -> None:
    with held(lock) as (waited, check):
        check()
        assert not waited
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(lock.parent.iterdir()) == []


def test_the_second_waits_for_the_first_and_says_for_whom(lock: Path, capsys: pytest.CaptureFixture) -> None:
    first, order = Event(), []

    def hold() -> None:
        with held(lock, beat=BEAT):
            first.set()
            time.sleep(0.5)
            order.append("first")

    thread = Thread(target=hold)
    thread.start()
    first.wait(10)
    with held(lock, beat=BEAT) as (waited, _):
        order.append("second")
    thread.join()
    assert waited
    assert order == ["first", "second"]
    assert f"process {os.getpid()} on " in capsys.readouterr().err


def test_a_full_disk_leaves_no_lock_that_nobody_holds(lock: Path) -> None:
    """A limit on the size of files stands for it: the lock can be created, but nothing written into it."""
    lock.parent.mkdir()
    code = (
        "import os, sys, resource, signal; from pathlib import Path; from rmft.stages.lock import held\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))\n"
        "with held(Path(sys.argv[1])): pass"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", code, lock], env=environment, capture_output=True, text=True, check=False
    )
    assert "File too large" in done.stderr
    assert list(lock.parent.iterdir()) == []


def test_a_killed_holders_lock_is_broken(lock: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=-1, env=environment)
    assert process.stdout.readline() == b"1\n"
    process.kill()
    process.wait()
    assert lock.exists()
    with held(lock) as (waited, check):
        check()
        assert not waited
    assert list(lock.parent.iterdir()) == []


def test_a_silent_holder_elsewhere_is_given_up_and_a_beating_one_is_not(lock: Path) -> None:
    elsewhere(lock)
    stop, beats = Event(), []

    def beat() -> None:
        while not stop.wait(BEAT):
            os.utime(lock)
            beats.append(len(list(lock.parent.iterdir())))

    thread = Thread(target=beat)
    thread.start()
    with ThreadPoolExecutor(1) as pool:

        def second() -> bool:
            with held(lock, beat=BEAT) as (waited, _):
                return waited

        waiting = pool.submit(second)
        time.sleep(30 * BEAT)
        assert not waiting.done()
        stop.set()
        thread.join()
        assert waiting.result(timeout=60)
    assert len(beats) > 5


def test_who_was_taken_over_stops_before_it_writes(lock: Path) -> None:
    with held(lock, beat=BEAT) as (_, check):
        lock.unlink()
        elsewhere_text = json.dumps({"host": "elsewhere", "pid": 1, "job": "7", "token": "x"})
        lock.write_text(elsewhere_text)
        with pytest.raises(ValueError, match="taken over by another job"):
            check()
    assert lock.read_text() == elsewhere_text


def test_of_many_that_find_a_dead_lock_one_at_a_time_goes_on(lock: Path) -> None:
    elsewhere(lock)
    inside, most = [], []

    def work(_: int) -> None:
        with held(lock, beat=BEAT):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == [1] * 8
