"""A model that vLLM is to play, where there is none: said before a job is queued."""

import sys
from pathlib import Path

import pytest

from rmft.stages.check_config import complaint
from rmft.stages.config_files import lay_over, read_configs

ROOT = Path(__file__).parents[2]
CONFIG = read_configs([ROOT / "config.yaml", ROOT / "config.laptop.yaml"])


@pytest.fixture
def without(tmp_path: Path) -> str:
    """An interpreter that sees no installed package."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    script.chmod(0o755)
    return str(script)


def said(**entries: object) -> str | None:
    return complaint(lay_over(CONFIG, entries))


def test_the_key_the_interpreter_and_the_mend_are_named(without: str) -> None:
    line = said(models={"tiny": {"engine": "vllm"}}, pythons={"vllm": without})
    assert line.startswith(f"models.tiny.engine: {without} has no vllm")
    assert "make .venv-vllm/ready" in line
    assert said(models={"tiny": {"engine": "vllm"}}, pythons={}, python=without) == line


def test_an_interpreter_that_does_not_start_is_named() -> None:
    line = said(models={"tiny": {"engine": "vllm"}}, pythons={"vllm": "/nowhere/python"})
    assert line.startswith("models.tiny.engine: /nowhere/python has no vllm")


def test_a_model_that_is_not_selected_asks_for_nothing(without: str) -> None:
    assert said(models={"tiny-worlds": {"engine": "vllm"}}, pythons={"vllm": without}) is None


@pytest.mark.parametrize("settings", [{"adapter": "beside"}, {"conversations": 0}, {"memory": 1}])
def test_settings_that_vllm_has_not_are_refused(settings: dict) -> None:
    assert "models.tiny.vllm" in said(models={"tiny": {"vllm": settings}})
