"""What a reasoning says: which arm it calls best, which averages it states, whether it explores or exploits.

Text in, numbers out, by the patterns of workflow/reasoning.yaml. What is in doubt (a negation, a question, two candidates)
is read as nothing and never guessed. The time is linear in the length of the text.
"""

import re
from dataclasses import dataclass
from functools import cache

from rmft.core.phrases import ARM, MOST_ARMS, Phrases, arm_of, symbol
from rmft.core.prompts import Context

_SENTENCES = re.compile(rf"(?<=[.!?]) (?=[A-Z]|{ARM})")
_ARM = re.compile(ARM)
_TYPOGRAPHY = str.maketrans("’‘“”−\u00a0", "''\"\"- ", "*_`#")  # as a keyboard writes it, without marks of emphasis


@dataclass(frozen=True)
class Said:
    """What a reasoning says. best: the arm that it calls best. averages: (arm, average) pairs, an arm once."""

    best: int | None
    averages: tuple[tuple[int, float], ...]
    explores: bool
    exploits: bool


NOTHING = Said(None, (), False, False)


def before_answer(reply: str, context: Context) -> str:
    """The reasoning of a reply: its lines that are not the final form."""
    start = context.answer[0].strip()
    return "\n".join(line for line in reply.splitlines() if not line.strip().startswith(start))


def read_reasoning(text: str, arm_names: tuple[str, ...], phrases: Phrases) -> Said:
    """What a reasoning says about arms of these names. Raises ValueError for more than 1000 arms."""
    sentences = [part for line in text.splitlines() for part in _sentences(line, arm_names, phrases)]
    said = [sentence for sentence in sentences if not sentence.rstrip('" )').endswith("?")]
    clauses = [[part.strip() for part in phrases.clauses.split(sentence) if part.strip()] for sentence in said]
    best = _best(clauses, phrases)
    explores, exploits = (
        any(yes.search(part) and not no.search(part) for parts in clauses for part in parts)
        for yes, no in ((phrases.explores, phrases.not_explores), (phrases.exploits, phrases.not_exploits))
    )
    exploits = exploits or (best is not None and not explores)
    clear = explores != exploits
    return Said(best, _averages(said, phrases), explores and clear, exploits and clear)


def _sentences(line: str, arm_names: tuple[str, ...], phrases: Phrases) -> list[str]:
    """The sentences of a line, with a symbol for every mention of an arm."""
    if len(arm_names) > MOST_ARMS:
        raise ValueError(f"arm_names: at most {MOST_ARMS}, not {len(arm_names)}")
    line = " ".join(_ARM.sub("", line).translate(_TYPOGRAPHY).split())
    line = phrases.not_arms.sub(lambda found: found[0].lower(), line)
    of = {_key(name): symbol(arm) for arm, name in enumerate(arm_names)}
    return _SENTENCES.split(_mentions(arm_names).sub(lambda found: of[_key(found[0])], line))


def _key(name: str) -> str:
    """Names are read in upper and lower case alike, letters as they stand."""
    return name if len(name) == 1 else name.lower()


@cache
def _mentions(arm_names: tuple[str, ...]) -> re.Pattern:
    """Any name as a whole word; the longest first, where one holds another."""
    names = sorted(arm_names, key=len, reverse=True)
    any_of = "|".join(re.escape(name) if len(name) == 1 else f"(?i:{re.escape(name)})" for name in names)
    return re.compile(rf"(?<![\w'])(?:{any_of})(?!\w)")


def _best(sentences: list[list[str]], phrases: Phrases) -> int | None:
    """The one arm that clauses call best; None where none does, or where one or several call two the best."""
    named: set[str] = set()
    for clauses in sentences:
        before: set[str] = set()
        for clause in clauses:
            arms = set(_ARM.findall(clause))
            about = before if not arms and phrases.it.search(clause) else arms
            if about and phrases.best.search(clause) and not phrases.not_best.search(clause):
                named |= about
            before = about
    return arm_of(named.pop()) if len(named) == 1 else None


def _averages(sentences: list[str], phrases: Phrases) -> tuple[tuple[int, float], ...]:
    """Averages that sentences state, in the order of arms; of an arm with two of them none."""
    stated: dict[int, set[float]] = {}
    for sentence in sentences:
        if phrases.not_averages.search(sentence):
            continue
        plain = phrases.counts.sub(" ", sentence)
        for found in (match for pattern in phrases.averages for match in pattern.finditer(plain)):
            stated.setdefault(arm_of(found["arm"]), set()).add(float(found["number"]))
    return tuple((arm, *values) for arm, values in sorted(stated.items()) if len(values) == 1)
