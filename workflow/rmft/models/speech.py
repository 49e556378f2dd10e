"""How a model in words is run and spoken to: the part of its config entry that what plays has to know."""

from dataclasses import dataclass, field, fields

ENGINES = ("transformers", "vllm")
HISTORIES = ("keep", "strip", "no_think")


@dataclass(frozen=True)
class Speech:
    """The defaults are the laptop model's.

    engine: what generates. dtype: of the weights; None: as they are stored. context_length: tokens of one conversation at
    most; None: as many as the model has positions. system_role: whether the rules are a message of the system, or open the
    first one to the model. stop: tokens that end a reply; the first is the one that the chat template ends it with (none:
    the tokenizer's eos token). template: arguments of the chat template. vllm: settings of that engine.

    history: keep: what was said stays, reasoning too, whatever the template would drop; strip: the reasoning of earlier
    steps is dropped, each step is a conversation of its own, and what stays is processed again; no_think: the template's
    reasoning is switched off, and then all stays.
    """

    engine: str = "transformers"
    dtype: str | None = None
    context_length: int | None = None
    system_role: bool = False
    history: str = "keep"
    stop: tuple[str, ...] = ()
    template: dict = field(default_factory=dict)
    vllm: dict = field(default_factory=dict)


KEYS = tuple(key.name for key in fields(Speech))


def speech_from_config(entry: dict) -> Speech:
    """The speech of a model's entry, or of the part of it that says this. Raises ValueError, naming the key."""
    said = {key: entry[key] for key in KEYS if key in entry}
    for key, known in (("engine", ENGINES), ("history", HISTORIES)):
        if said.get(key, known[0]) not in known:
            raise ValueError(f"--model: {key} must be one of {', '.join(known)}, not {said[key]!r}")
    return Speech(**{**said, "stop": tuple(said.get("stop", ()))})


def stop_ids(tokenizer: object, speech: Speech) -> list[int]:
    """The tokens that end a reply; the first is the one that the chat template ends it with. Raises ValueError, naming the
    model, where one is no token of it."""
    names = speech.stop or (tokenizer.eos_token,)
    ids = [None if name is None else tokenizer.convert_tokens_to_ids(name) for name in names]
    for name, token in zip(names, ids, strict=True):
        if token is None or tokenizer.convert_ids_to_tokens(token) != name:
            raise ValueError(
                f"{tokenizer.name_or_path}: {name!r} is no token of its chat template; mend stop of its entry"
            )
    return ids
