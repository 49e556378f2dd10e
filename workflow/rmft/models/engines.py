"""Which engine generates: chosen by name, so that nothing depends on the code, or the packages, of another one."""

from importlib import import_module

from rmft.models.base import Engine
from rmft.models.policy import Policy
from rmft.models.speech import Speech


def engine_module(name: str) -> str:
    """The module of an engine; it has ``engine_of(policy, speech, *, temperature, max_new_tokens)``."""
    return f"rmft.models.{name}_engine"


def engine_of(policy: Policy, speech: Speech, *, temperature: float, max_new_tokens: int) -> Engine:
    """The engine of a policy, loaded: its model, its adapter, run as ``speech`` says."""
    module = import_module(engine_module(speech.engine))
    return module.engine_of(policy, speech, temperature=temperature, max_new_tokens=max_new_tokens)
