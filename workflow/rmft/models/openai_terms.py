"""What serves a closed model, and on which terms it is asked: two parts of its config entry.

Changing what serves it (Served) gives other results; changing the terms gives the same ones, so that no job reruns.
"""

import os
from dataclasses import dataclass, field, fields

from rmft.core.prices import Prices

KEY = "OPENAI_API_KEY"
MODES = ("live", "batch")


@dataclass(frozen=True)
class Served:
    """model: the provider's name. base_url: where requests go. parameters: what each says beside the rest.

    length: what the provider calls the cap on a reply. temperature, seed: whether requests may say them. system_role:
    whether the rules are a message of the system, or open the first message.
    """

    model: str
    base_url: str
    length: str = "max_tokens"
    temperature: bool = True
    seed: bool = True
    system_role: bool = False
    parameters: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """How requests are sent and what they may cost; the config's schema describes each key."""

    mode: str
    concurrency: int
    batch_tokens: int
    batch_requests: int
    batch_megabytes: float
    timeout_seconds: float
    retries: int
    give_up_seconds: float
    poll_seconds: float
    patience_hours: float
    characters_per_token: float
    reply_tokens: float
    least_examples: int
    example_tokens: int
    training_megabytes: float
    prices: Prices
    max_usd: float


def served_from_config(entry: dict) -> Served:
    """Who serves the model of an entry."""
    return Served(**{key.name: entry[key.name] for key in fields(Served) if key.name in entry})


def terms_from_config(entry: dict) -> Terms:
    """The terms of an entry. Raises ValueError, naming the key, for what cannot be."""
    try:
        terms = Terms(**{**entry, "prices": Prices(**entry["prices"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"terms: {error}") from None
    if terms.mode not in MODES:
        raise ValueError(f"terms.mode: must be one of {', '.join(MODES)}, not {terms.mode!r}")
    return terms


def api_key() -> str:
    """The key, from the environment alone. Raises ValueError, which never shows it, where it cannot be one."""
    key = os.environ.get(KEY, "")
    if not key:
        raise ValueError(f"{KEY} is not set, so nothing was sent; set it in the environment of this command")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(f"{KEY} holds blanks, line breaks or characters that no key has; set it again")
    return key


def hushed(text: str) -> str:
    """The text without the key, wherever a server or a library has repeated it."""
    key = os.environ.get(KEY, "")
    return text.replace(key, f"[{KEY}]") if key else text
