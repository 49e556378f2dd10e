"""A provider on loopback whose model is the laptop's; and who buys from it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from brain import Brain
from provider import Provider
from provider_http import serve
from shop import KEY, Shop

from rmft.core.prompts import Context
from rmft.core.tasks import Task


@pytest.fixture(scope="session")
def brain(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Brain:
    """The provider's models."""
    return Brain(tiny, tmp_path_factory.mktemp("tuned"))


@pytest.fixture
def shop(
    brain: Brain, tmp_path: Path, task: Task, context: Context, task_entry: dict, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A provider that nobody has asked anything."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    provider = Provider(brain, KEY)
    server, url = serve(provider)
    yield Shop(provider, url, tmp_path, task, context, task_entry)
    server.shutdown()
    server.server_close()
