"""Environments are resolved against the package index; nothing of them is installed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ENVS = Path(__file__).parents[2] / "envs"
PYTHONS = ("3.11", "3.12", "3.13")
UV = "uv==0.13.8"
# The oldest glibc that wheels of all pins are there for.
GLIBC = {"vllm": "2_31", "sft": "2_28", "analysis": "2_28", "laptop": "2_28", "cluster": "2_28"}


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=280)


def pins(text: str) -> set[str]:
    return {line.strip().lower() for line in text.splitlines() if line.strip() and not line.startswith("#")}


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A resolver that needs no download of what it resolves."""
    folder = tmp_path_factory.mktemp("uv")
    done = run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, UV)
    if done.returncode:
        pytest.skip(f"no package index to resolve against: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin/uv"


def resolved(uv: Path, file: Path, python: str, *flags: object) -> set[str]:
    """The pins of all that a file asks for on a Python, each with a wheel; connection-pool is a source in pure Python."""
    target = ("--python-version", python, "--python-platform", f"x86_64-manylinux_{GLIBC[file.stem]}")
    wheels = ("--only-binary", ":all:", "--no-binary", "connection-pool", "--no-python-downloads")
    done = run(uv, "pip", "compile", file, *target, *wheels, "--system-certs", "--no-header", "--no-annotate", *flags)
    if "error sending request" in done.stderr:
        pytest.skip(f"no package index to resolve against: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return pins(done.stdout)


@pytest.mark.parametrize("name", ["vllm", "sft", "analysis"])
def test_the_pins_are_what_the_index_resolves_to(uv: Path, name: str) -> None:
    """All that is pulled in is pinned, nothing else, and all of it is there for the machine that it is for."""
    pinned = ENVS / f"{name}.txt"
    assert resolved(uv, ENVS / f"{name}.in", "3.11", "--constraint", pinned) == pins(pinned.read_text())


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["laptop", "cluster"])
def test_the_pins_have_wheels_for_every_python_that_is_let_in(uv: Path, name: str, python: str) -> None:
    pinned = ENVS / f"{name}.txt"
    assert len(resolved(uv, pinned, python, "--no-deps")) == len(pins(pinned.read_text()))


def test_make_and_the_package_let_in_the_same_pythons() -> None:
    package = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    first, last = PYTHONS[0], PYTHONS[-1]
    assert package["requires-python"] == f">={first},<3.{int(last.removeprefix('3.')) + 1}"
    tried = re.search(r"for p in python3 (.*); do", (ENVS.parent / "Makefile").read_text())
    assert tried and tried[1].split() == [f"python{python}" for python in reversed(PYTHONS)]
