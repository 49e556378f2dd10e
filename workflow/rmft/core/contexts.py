"""A language context from its file: the keys that it has, what they must hold, and which of them word a task."""

from itertools import product
from string import Formatter

from rmft.core.prompts import Context, Reading

CHOICES = {
    "environment": ("mab", "ns-mab", "fol"),
    "interaction": ("dialogue", "summary"),
    "output": ("action", "distribution"),
    "reasoning": ("free", "none", "asked"),
    "shown": ("raw", "importance_weighted"),
}
PLACEHOLDERS = {  # of each text of a context, by its dotted key
    "instructions.mab": "arms horizon",
    "instructions.ns-mab": "arms horizon",
    "instructions.fol": "arms horizon",
    "notes.distribution": "",
    "notes.importance_weighted": "",
    "ask.action.free": "answer",
    "ask.action.none": "answer",
    "ask.action.asked": "answer",
    "ask.distribution.free": "answer",
    "ask.distribution.none": "answer",
    "ask.distribution.asked": "answer",
    "feedback.raw": "arm reward",
    "feedback.importance_weighted": "arm reward",
    "feedback.full": "arm rewards",
    "summary.raw": "arm pulls average",
    "summary.importance_weighted": "arm pulls average",
    "summary.untried": "arm",
    "summary.step": "step horizon",
    "summary.question": "",
    "exploit.dialogue": "shown",
    "exploit.summary": "shown",
    "answer.action": "arm",
    "answer.distribution": "shares",
    "reask.action": "answer",
    "reask.distribution": "answer",
    "reasons.untried": "arm",
    "reasons.best": "arm average",
    "reasons.any": "arm",
    "reasons.stay": "arm",
}
REASONS = tuple(key.removeprefix("reasons.") for key in PLACEHOLDERS if key.startswith("reasons."))
_MAY_BE_EMPTY = ("ask.action.free", "ask.distribution.free")


def context_from_config(
    entry: dict,
    *,
    arms: int,
    name: str = "context",
    environment: str = "mab",
    interaction: str = "dialogue",
    output: str = "action",
    reasoning: str = "free",
    shown: str = "raw",
) -> Context:
    """The context of a yaml mapping, cut to ``arms`` names. Raises ValueError, naming the key, where it cannot be.

    All wording is checked, that of other environments and outputs too.
    """
    mode = {"environment": environment, "interaction": interaction, "reasoning": reasoning, "shown": shown}
    _check_mode(name, mode | {"output": output})
    texts = _texts(entry, name)
    names = _arm_names(entry["arm_names"], arms, name)
    _check_number(entry["number"], name)
    for each in CHOICES["output"]:
        _check_readable(_context(texts, names, entry["number"], output=each, **mode | {"reasoning": "free"}), name)
    return _context(texts, names, entry["number"], output=output, **mode)


def _context(
    texts: dict[str, str],
    arm_names: tuple[str, ...],
    number: str,
    *,
    environment: str,
    interaction: str,
    output: str,
    reasoning: str,
    shown: str,
) -> Context:
    """The one place where wording is chosen by the kind of task."""
    start, end = texts[f"answer.{output}"].split("{shares}" if output == "distribution" else "{arm}")
    return Context(
        arm_names=arm_names,
        number=number,
        full_information=environment == "fol",
        output=output,
        instructions=texts[f"instructions.{environment}"],
        notes=tuple(texts[key] for key in (f"notes.{output}", f"notes.{shown}") if key in texts),
        ask=texts[f"ask.{output}.{reasoning}"],
        feedback=texts[f"feedback.{shown}"],
        feedback_full=texts["feedback.full"],
        tried=texts[f"summary.{shown}"],
        untried=texts["summary.untried"],
        step=texts["summary.step"],
        question=texts["summary.question"],
        answer=(start.format(), end.format()),
        reask=texts[f"reask.{output}"],
        exploit=texts[f"exploit.{interaction}"],
        reasons={reason: "" if reasoning == "none" else texts[f"reasons.{reason}"] for reason in REASONS},
    )


def _check_mode(name: str, mode: dict[str, str]) -> None:
    for key, value in mode.items():
        if value not in CHOICES[key]:
            raise ValueError(f"{name}: {key}: must be one of {', '.join(CHOICES[key])}, not {value!r}")
    weighable = mode["output"] == "distribution" and mode["environment"] != "fol"
    if mode["shown"] == "importance_weighted" and not weighable:
        raise ValueError(f"{name}: shown: importance_weighted needs output distribution and environment mab or ns-mab")


def _texts(entry: object, name: str) -> dict[str, str]:
    """The wording by dotted keys, each with the placeholders that it must have."""
    if not isinstance(entry, dict):
        raise ValueError(f"{name}: must be a mapping, not {entry!r}")
    texts = _flat(entry)
    if wrong := {"arm_names", "number", *PLACEHOLDERS} ^ set(texts):
        raise ValueError(f"{name}: missing or unknown keys: {', '.join(sorted(wrong))}")
    for key, want in PLACEHOLDERS.items():
        _check_text(texts[key], sorted(want.split()), name, key)
    return {key: texts[key] for key in PLACEHOLDERS}


def _flat(entry: dict, above: str = "") -> dict[str, object]:
    """{"a": {"b": 1}} as {"a.b": 1}."""
    flat = {}
    for key, value in entry.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat


def _check_text(text: object, want: list[str], name: str, key: str) -> None:
    if not isinstance(text, str) or not (text.strip() or key in _MAY_BE_EMPTY):
        raise ValueError(f"{name}: {key}: must be text, not {text!r}")
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{name}: {key}: {error}") from None
    found = sorted({field for field, _, _ in parts})
    if found != want and text:
        raise ValueError(f"{name}: {key}: needs exactly the placeholders {want}, has {found}")
    if any(form or conversion for _, form, conversion in parts):
        raise ValueError(f"{name}: {key}: a placeholder stands as it is, without a format of its own")
    if key.startswith("answer.") and text.count("{") != 1:
        raise ValueError(f"{name}: {key}: must hold its placeholder once, and no other brace")


def _arm_names(names: object, arms: int, name: str) -> tuple[str, ...]:
    texts_only = isinstance(names, list) and all(isinstance(n, str) and n.strip() == n != "" for n in names)
    if not texts_only or len(set(names)) != len(names):
        raise ValueError(f"{name}: arm_names: must be a list of distinct, non-empty strings")
    if odd := [n for n in names if "," in n or any(map(str.isnumeric, n))]:
        raise ValueError(f"{name}: arm_names: must hold no digits or commas, as {odd[0]!r} does")
    if len(names) < arms:
        raise ValueError(f"{name}: arm_names: {len(names)} names for {arms} arms; add names")
    return tuple(names[:arms])


def _check_number(number: object, name: str) -> None:
    try:
        told_apart = number.format(0.25) != number.format(0.75)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: number: cannot write 0.25 ({error!r}); as in '{{:.2f}}'") from None
    if not told_apart:
        raise ValueError(f"{name}: number: {number!r} writes 0.25 and 0.75 alike; as in '{{:.2f}}'")


def _check_readable(context: Context, name: str) -> None:
    """A context is of use only where every reply that it can word is read as what it means."""
    arms = len(context.arm_names)
    for reason, action in product(REASONS, range(arms)):
        sure = tuple(float(arm == action) for arm in range(arms))
        if context.output == "distribution":
            reply, meant = context.reply_shares(reason, action, 0.5, sure), Reading(None, sure, False)
        else:
            reply, meant = context.reply(reason, action, 0.5), Reading(action, None, False)
        if context.read(reply) != meant:
            where = f"answer.{context.output}"
            raise ValueError(f"{name}: {where}: {reply!r}, made with reasons.{reason}, cannot be read back")
