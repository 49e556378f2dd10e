"""Text <-> action: what a policy is told, and the strict reading of what it answers."""

import re
from dataclasses import dataclass
from itertools import product
from string import Formatter

PLACEHOLDERS = {
    "instructions": {"arms", "horizon"},
    "feedback": {"arm", "reward"},
    "answer": {"arm"},
    "reask": {"arm"},
    "exploit": {"arm", "reward"},
}
REASONS = {"untried": {"arm"}, "best": {"arm", "average"}, "any": {"arm"}, "stay": {"arm"}}


@dataclass(frozen=True)
class Context:
    """A language context (workflow/scenarios/*.yaml): wording and arm names for one task's K arms."""

    arm_names: tuple[str, ...]
    number: str
    instructions: str
    feedback: str
    answer: str
    reask: str
    exploit: str
    reasons: dict[str, str]

    def opening(self, horizon: int) -> str:
        """The first message: the rules of the problem."""
        return self.instructions.format(arms=", ".join(self.arm_names), horizon=horizon)

    def write(self, number: float) -> str:
        """A number as the context writes it; never a negative zero."""
        text = self.number.format(number)
        return text.lstrip("-") if not any(c in "123456789" for c in text) else text

    def show(self, action: int, reward: float) -> str:
        """What is shown after a step of a bandit: the chosen arm and its reward."""
        return self.feedback.format(arm=self.arm_names[action], reward=self.write(reward))

    def tell_exploit(self, action: int, reward: float) -> str:
        """The same, with the order to exploit from here on."""
        return self.exploit.format(arm=self.arm_names[action], reward=self.write(reward))

    def ask_again(self) -> str:
        """What is said after a reply that could not be read."""
        return self.reask.format(arm=self.arm_names[0])

    def reply(self, reason: str, action: int, average: float = 0.0) -> str:
        """A whole reply: one sentence, then the final form on a line of its own."""
        name = self.arm_names[action]
        sentence = self.reasons[reason].format(arm=name, average=self.write(average))
        return f"{sentence}\n{self.answer.format(arm=name)}"

    def parse(self, reply: str) -> int | None:
        """The action that a reply names in the strict final form; None for anything else, never a guess.

        The last line must be the final form with a known arm name, and no other line may begin like it.
        """
        start, end = self.answer.split("{arm}")
        lines = [line.strip() for line in reply.strip().splitlines()]
        if sum(line.startswith(start.strip()) for line in lines) != 1:
            return None
        names = "|".join(re.escape(name) for name in self.arm_names)
        match = re.fullmatch(f"{re.escape(start)}({names}){re.escape(end)}", lines[-1])
        return self.arm_names.index(match[1]) if match else None


def context_from_config(entry: dict, *, arms: int, name: str = "context") -> Context:
    """The context of a yaml mapping, cut to ``arms`` names. Raises ValueError, naming the key, where it cannot be."""
    missing = {"arm_names", "number", "reasons", *PLACEHOLDERS} ^ set(_mapping(entry, name))
    if missing:
        raise ValueError(f"{name}: missing or unknown keys: {', '.join(sorted(map(str, missing)))}")
    texts = {key: (entry[key], want) for key, want in PLACEHOLDERS.items()}
    reasons = _mapping(entry["reasons"], f"{name}: reasons")
    texts |= {f"reasons.{key}": (reasons.get(key, ""), want) for key, want in REASONS.items()}
    for key, (text, want) in texts.items():
        if (found := _placeholders(text, f"{name}: {key}")) != want:
            raise ValueError(f"{name}: {key}: needs exactly the placeholders {sorted(want)}, has {sorted(found)}")
    arm_names = entry["arm_names"]
    texts_only = isinstance(arm_names, list) and all(isinstance(n, str) and n.strip() == n != "" for n in arm_names)
    if not texts_only or len(set(arm_names)) != len(arm_names):
        raise ValueError(f"{name}: arm_names: must be a list of distinct, non-empty strings")
    if len(arm_names) < arms:
        raise ValueError(f"{name}: arm_names: {len(arm_names)} names for {arms} arms; add names")
    context = Context(**(entry | {"arm_names": tuple(arm_names[:arms])}))
    _check_readable(context, name)
    return context


def _mapping(value: object, name: str) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"{name}: must be a mapping, not {value!r}")
    return value


def _placeholders(text: object, name: str) -> set[str]:
    try:
        return {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _check_readable(context: Context, name: str) -> None:
    """A context is of use only where every reply that it can word is read as the action that it names."""
    if context.answer.count("{arm}") != 1:
        raise ValueError(f"{name}: answer: must hold {{arm}} once, as it stands")
    try:
        context.write(0.5)
    except (LookupError, ValueError) as error:
        raise ValueError(f"{name}: number: cannot write 0.5 ({error!r}); as in '{{:.2f}}'") from None
    for reason, action in product(REASONS, range(len(context.arm_names))):
        if context.parse(reply := context.reply(reason, action, 0.5)) != action:
            raise ValueError(f"{name}: answer: {reply!r}, made with reasons.{reason}, cannot be read back")
