"""A locale in which text is not UTF-8: what is read and written is the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rmft

WORKFLOW = Path(rmft.__path__[0]).parent
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(WORKFLOW)}


def python(*arguments: str) -> str:
    """What a program says under that locale."""
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | ASCII, capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def results(reported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(reported, tmp_path / "results"))


def test_the_locale_is_what_it_says() -> None:
    assert "ascii" in python("-c", "import codecs, locale; print(codecs.lookup(locale.getpreferredencoding()).name)")


def test_the_report_is_the_same_bytes(results: Path) -> None:
    made = results / "report.html"
    before = made.read_bytes()
    assert any(byte > 127 for byte in before)
    made.unlink()
    folders = ["--tables", str(results / "tables"), "--figures", str(results / "figures")]
    captions, config = str(WORKFLOW / "report"), '{"rollout": {"scenarios": 64}}'
    python("-m", "rmft.stages.report", *folders, "--captions", captions, "--config", config, "--output", str(made))
    assert made.read_bytes() == before
