"""The architectures of the paper's open models, small and random, with their templates: vLLM against transformers."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rmft.core.prompts import Context
from rmft.core.tasks import Task
from rmft.core.trajectory import Trajectory
from rmft.models import transformers_engine
from rmft.models.base import Engine, FreeEngine
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.families import FAMILIES, model_of, tokenizer_of
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech, speech_from_config

LENGTH = 768


@pytest.fixture(scope="module", params=FAMILIES)
def spoken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Speech]:
    """A policy of the family with heads as vLLM knows them, and how it is spoken to."""
    family, folder = FAMILIES[request.param], tmp_path_factory.mktemp(request.param)
    tokenizer = tokenizer_of(family)
    model_of(family, tokenizer, width=128, context_length=LENGTH).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    policy = Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {})
    return policy, speech_from_config(family.speech(LENGTH))


@pytest.fixture(scope="module")
def said(context: Context, task: Task, drawn: Callable) -> Callable[[Engine | FreeEngine, Speech], list[Trajectory]]:
    """What an engine says in 12 episodes of 3 steps."""

    def run(engine: Engine | FreeEngine, speech: Speech) -> list[Trajectory]:
        short = replace(task, horizon=3)
        return play(engine, renderer(engine.tokenizer, speech), context, short, drawn(12), max_reasks=1)

    return run


def test_token_for_token(spoken: tuple[Policy, Speech], said: Callable) -> None:
    """fp32, temperature 0; whatever it says, as it was trained on nothing."""
    from rmft.models import vllm_engine

    policy, speech = spoken
    greedy = {"temperature": 0.0, "max_new_tokens": 16}
    ours = said(vllm_engine.engine_of(policy, speech, **greedy), speech)
    assert ours == said(transformers_engine.engine_of(policy, speech, **greedy), speech)
    assert max(len(record.token_ids) for record in ours) > 2 * 48  # past the window of the layers that slide
