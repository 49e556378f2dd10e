"""Text <-> choice: what a policy is told, and the strict reading of what it answers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHARE = re.compile(r"0(\.[0-9]{1,4})?|1(\.0{1,4})?")  # a probability of at most 4 decimals
_UNIT = 10_000  # shares are added up as whole numbers of ten-thousandths, so that no sum is a matter of rounding
_TOLERANCE = 200  # ten-thousandths that a sum of shares may be off


@dataclass(frozen=True)
class Reading:
    """What a reply says: an action, or a policy (K probabilities, sum 1), by the output that was asked for.

    renormalised: the shares as written were further than 0.02 from a sum of 1.
    """

    action: int | None
    policy: tuple[float, ...] | None
    renormalised: bool


@dataclass(frozen=True)
class Context:
    """A language context (workflow/scenarios/*.yaml): wording and arm names for one task's K arms, environment,
    interaction, output, reasoning and shown rewards. ``answer``: what stands before and after the choice in the final line.
    """

    arm_names: tuple[str, ...]
    number: str
    full_information: bool
    output: str
    instructions: str
    notes: tuple[str, ...]
    ask: str
    feedback: str
    feedback_full: str
    tried: str
    untried: str
    step: str
    question: str
    answer: tuple[str, str]
    reask: str
    exploit: str
    reasons: dict[str, str]

    def opening(self, horizon: int) -> str:
        """The rules of the problem: the first message of a dialogue."""
        rules = self.instructions.format(arms=", ".join(self.arm_names), horizon=horizon)
        return " ".join(filter(None, (rules, *self.notes, self.ask.format(answer=self._example()))))

    def write(self, number: float) -> str:
        """A number as the context writes it; never a negative zero."""
        zero = self.number.format(0.0)
        return zero if self.number.format(abs(number)) == zero else self.number.format(number)

    def show(self, action: int, reward: float) -> str:
        """What is shown after a step of a bandit: the chosen arm and its reward.

        Where importance-weighted rewards are shown, ``reward`` is already divided by pi_t(action).
        """
        return self.feedback.format(arm=self.arm_names[action], reward=self.write(reward))

    def show_all(self, action: int, rewards: Sequence[float]) -> str:
        """What is shown after a step with full information: the chosen arm, and the rewards (K) of all."""
        listed = self._list(map(self.write, rewards))
        return self.feedback_full.format(arm=self.arm_names[action], rewards=listed)

    def summary(self, step: int, horizon: int, pulls: Sequence[int], averages: Sequence[float]) -> str:
        """All that is said at step t = 1..T of a summary interaction: the rules, and what ``standing`` says."""
        return "\n".join((self.opening(horizon), self.standing(step, horizon, pulls, averages)))

    def standing(self, step: int, horizon: int, pulls: Sequence[int], averages: Sequence[float]) -> str:
        """What is said at step t = 1..T of a summary interaction beside the rules: a line per arm, the step, the question.

        pulls, averages: K each. The average of an arm of which nothing was seen is not read, whatever it is.
        """
        seen_all = self.full_information and sum(pulls) > 0
        lines = [
            self.tried.format(arm=name, pulls=n, average=self.write(average))
            if n or seen_all
            else self.untried.format(arm=name)
            for name, n, average in zip(self.arm_names, pulls, averages, strict=True)
        ]
        return "\n".join((*lines, self.step.format(step=step, horizon=horizon), self.question))

    def tell_exploit(self, shown: str) -> str:
        """What is shown (feedback, or a whole summary) with the order to exploit from here on."""
        return self.exploit.format(shown=shown)

    def ask_again(self) -> str:
        """What is said after a reply that could not be read."""
        return self.reask.format(answer=self._example())

    def reply(self, reason: str, action: int, average: float = 0.0) -> str:
        """A whole reply with an action: one sentence (none with reasoning ``none``), then the final form on its own line."""
        return self._say(reason, action, average, self.arm_names[action])

    def reply_shares(self, reason: str, action: int, average: float, shares: Sequence[float]) -> str:
        """The same with a distribution: ``shares`` (K, sum 1) in hundredths; the sentence is about ``action``."""
        return self._say(reason, action, average, self._list(_hundredths(shares)))

    def read(self, reply: str) -> Reading | None:
        """What a reply says in the strict final form; None for anything else, never a guess.

        The last line must be the final form, and no other line may begin like it: one known arm name, or every arm once,
        in any order, with a number in [0, 1] of at most 4 decimals. Shares are divided by their sum.
        """
        start, end = self.answer
        lines = [line.strip() for line in reply.strip().splitlines()]
        if sum(line.startswith(start.strip()) for line in lines) != 1:
            return None
        last = lines[-1]
        if not (last.startswith(start) and last.endswith(end)):
            return None
        choice = last[len(start) : len(last) - len(end)]
        if self.output == "distribution":
            return self._read_shares(choice)
        return Reading(self.arm_names.index(choice), None, False) if choice in self.arm_names else None

    def parse(self, reply: str) -> int | None:
        """The action alone of ``read``."""
        reading = self.read(reply)
        return reading.action if reading else None

    def _read_shares(self, choice: str) -> Reading | None:
        parts = [part.rpartition(" ") for part in choice.split(", ")]
        if sorted(name for name, _, _ in parts) != sorted(self.arm_names):
            return None
        if not all(_SHARE.fullmatch(share) for _, _, share in parts):
            return None
        shares = {name: round(float(share) * _UNIT) for name, _, share in parts}
        if not (total := sum(shares.values())):
            return None
        policy = tuple(shares[name] / total for name in self.arm_names)
        return Reading(None, policy, abs(total - _UNIT) > _TOLERANCE)

    def _say(self, reason: str, action: int, average: float, choice: str) -> str:
        sentence = self.reasons[reason].format(arm=self.arm_names[action], average=self.write(average))
        return "\n".join(filter(None, (sentence, self._final(choice))))

    def _final(self, choice: str) -> str:
        return choice.join(self.answer)

    def _list(self, numbers: Iterable[str]) -> str:
        return ", ".join(f"{name} {number}" for name, number in zip(self.arm_names, numbers, strict=True))

    def _example(self) -> str:
        """A final line in the right form: the first arm, or equal shares."""
        arms = len(self.arm_names)
        shares = self.output == "distribution"
        return self._final(self._list(_hundredths([1 / arms] * arms)) if shares else self.arm_names[0])


def _hundredths(shares: Sequence[float]) -> list[str]:
    """Shares (sum 1) with two decimals whose sum is exactly 1: the largest remainders are rounded up."""
    whole = [int(100 * share) for share in shares]
    by_remainder = sorted(range(len(whole)), key=lambda arm: whole[arm] - 100 * shares[arm])
    for arm in by_remainder[: 100 - sum(whole)]:
        whole[arm] += 1
    return [f"{n / 100:.2f}" for n in whole]
