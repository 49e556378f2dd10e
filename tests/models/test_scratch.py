"""Scratch folders that jobs share: real processes, really killed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rmft.models import scratch

USER = """
import sys, time
from pathlib import Path
from rmft.models import scratch

def make(folder):
    folder.mkdir()
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    time.sleep(float(sys.argv[3]))
    (folder / "weights").write_text("x" * 1000)

with scratch.shared(sys.argv[1], make) as folder:
    assert (folder / "weights").read_text() == "x" * 1000
    print("in", flush=True)
    time.sleep(float(sys.argv[4]))
    assert (folder / "weights").read_text() == "x" * 1000
"""


@pytest.fixture(autouse=True)
def own_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    return tmp_path


def user(name: str, log: Path, *, making: float = 0, using: float = 0) -> subprocess.Popen:
    command = [sys.executable, "-c", USER, name, str(log), str(making), str(using)]
    return subprocess.Popen(command, stdout=-1, text=True)


def left() -> list[str]:
    return sorted(path.name for path in scratch.root().iterdir())


def test_jobs_at_the_same_time_make_it_once_and_the_last_removes_it(own_disk: Path) -> None:
    log = own_disk / "log"
    jobs = [user("a", log, making=1, using=5) for _ in range(4)]
    assert [job.wait(timeout=60) for job in jobs] == [0] * 4
    assert log.read_text() == "made\n"
    assert left() == []


def test_many_short_users_never_see_half_a_folder(own_disk: Path) -> None:
    jobs = [user("a", own_disk / "log", making=0.01 * (i % 3), using=0.01 * (i % 2)) for i in range(16)]
    assert [job.wait(timeout=120) for job in jobs] == [0] * 16
    assert left() == []


@pytest.mark.parametrize("moment", ["making", "using"])
def test_what_a_killed_job_left_is_used_or_made_again_and_removed(own_disk: Path, moment: str) -> None:
    log = own_disk / "log"
    killed = user("a", log, **{moment: 60})
    if moment == "using":
        assert killed.stdout.readline() == "in\n"
    while not (log.exists() and log.read_text()):
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -9
    assert left() != []
    assert user("a", log).wait(timeout=60) == 0
    assert log.read_text() == "made\n" * (2 if moment == "making" else 1)
    assert left() == []


def test_what_a_killed_job_left_is_removed_by_another_one(own_disk: Path) -> None:
    killed = user("a", own_disk / "log", using=60)
    assert killed.stdout.readline() == "in\n"
    killed.kill()
    killed.wait()
    lasting = user("b", own_disk / "log", using=60)
    assert lasting.stdout.readline() == "in\n"
    assert left() == ["b", "b.lock"]
    assert user("c", own_disk / "log").wait(timeout=60) == 0
    assert left() == ["b", "b.lock"]  # somebody uses it
    lasting.kill()
    lasting.wait()
