"""The patterns that a reasoning is read with: workflow/reasoning.yaml, checked and made ready.

Before a pattern is searched for, every name of an arm in the text is one character of its own (``symbol``).
"""

import re
from dataclasses import dataclass

MOST_ARMS = 1000
_FIRST = 0xE000  # of the private use area: in no text that people write
ARM = f"[{chr(_FIRST)}-{chr(_FIRST + MOST_ARMS - 1)}]"
_SIGNED = r"(?<![\w.])-?(?:[0-9]{1,6}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
NUMBER = rf"{_SIGNED}(?![\w%]|\.[0-9]| ?[-+*/×] ?[0-9.(]| ?, ?-?[0-9.])"  # alone: of no sum, of no list
_GAP = f"[^0-9{ARM[1:-1]}]{{0,60}}?"
KEYS = ("not_arms", "clauses", "best", "not_best", "it", "average", "counts", "averages", "not_averages")
KEYS += ("explores", "not_explores", "exploits", "not_exploits")
_UNBOUNDED = re.compile(r"(?<!\\)(?:\\\\)*[*+]|\{[0-9]*,\}")


@dataclass(frozen=True)
class Phrases:
    """One pattern for each key of the file, but for ``averages``, whose patterns have the groups arm and number."""

    not_arms: re.Pattern
    clauses: re.Pattern
    best: re.Pattern
    not_best: re.Pattern
    it: re.Pattern
    counts: re.Pattern
    averages: tuple[re.Pattern, ...]
    not_averages: re.Pattern
    explores: re.Pattern
    not_explores: re.Pattern
    exploits: re.Pattern
    not_exploits: re.Pattern


def symbol(arm: int) -> str:
    """The character that stands for an arm."""
    return chr(_FIRST + arm)


def arm_of(character: str) -> int:
    """The arm that a character stands for."""
    return ord(character) - _FIRST


def phrases_from_config(entry: object, *, name: str = "phrases") -> Phrases:
    """The phrases of a yaml mapping. Raises ValueError, naming the key, where a pattern cannot be or has no bound."""
    if not isinstance(entry, dict) or (wrong := sorted(map(str, set(KEYS) ^ set(entry)))):
        raise ValueError(f"{name}: must be a mapping with {', '.join(KEYS if not isinstance(entry, dict) else wrong)}")
    for key in KEYS:
        _check(entry[key], f"{name}: {key}")
    average = f"(?:{'|'.join(entry['average'])})"
    made = {key: _compile(entry[key], average, f"{name}: {key}") for key in KEYS if key not in ("average", "averages")}
    made["not_arms"] = re.compile(made["not_arms"].pattern)
    return Phrases(**made, averages=tuple(_stated(text, average, f"{name}: averages") for text in entry["averages"]))


def _check(patterns: object, where: str) -> None:
    """A list of texts, none of which could take more than its bounded share of time."""
    if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
        raise ValueError(f"{where}: must be a list of patterns, not {patterns!r}")
    if loose := [p for p in patterns if _UNBOUNDED.search(p)]:
        raise ValueError(f"{where}: {loose[0]!r} repeats without a bound; write {{0,40}} for * and {{1,40}} for +")


def _stated(text: str, average: str, where: str) -> re.Pattern:
    """A pattern of an average, with the groups that it is read from."""
    if text.count("{arm}") != 1 or text.count("{number}") != 1:
        raise ValueError(f"{where}: {text!r} must hold {{arm}} once and {{number}} once")
    return _compile(
        [text.replace("{arm}", f"(?P<arm>{ARM})").replace("{number}", f"(?P<number>{NUMBER})")], average, where
    )


def _compile(patterns: list[str], average: str, where: str) -> re.Pattern:
    """One pattern that is any of them."""
    text = "|".join(f"(?:{pattern})" for pattern in patterns)
    for placeholder, meant in (("{arm}", ARM), ("{number}", NUMBER), ("{average}", average), ("{gap}", _GAP)):
        text = text.replace(placeholder, meant)
    try:
        found = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{where}: {error}") from None
    if found.search(""):
        raise ValueError(f"{where}: a pattern matches the empty text")
    return found
