"""What a closed model's provider charges, and what an experiment will come to. Tokens in, dollars out."""

from collections.abc import Sequence
from dataclasses import dataclass

PER = 1_000_000  # prices are per million tokens
MESSAGE, REPLY = (
    4,
    3,
)  # tokens that a chat format adds to a message, and to the prompt to reply [ours: OpenAI's formats]


@dataclass(frozen=True)
class Prices:
    """Dollars per million tokens of what is told, what is sampled, and what is trained on (each epoch again); ``tuned_``: by
    a model that was fine-tuned; ``cached``: the factor of told tokens that were remembered; ``batch``: of batches."""

    prompt: float
    sampled: float
    tuned_prompt: float
    tuned_sampled: float
    trained: float
    cached: float = 1.0
    batch: float = 1.0

    def play(self, prompt: float, sampled: float, *, tuned: bool, batch: bool, cached: float = 0) -> float:
        """Dollars of so many tokens; ``cached`` of those of the prompt were remembered."""
        told, said = (self.tuned_prompt, self.tuned_sampled) if tuned else (self.prompt, self.sampled)
        tokens = told * (prompt - cached * (1 - self.cached)) + said * sampled
        return tokens * (self.batch if batch else 1) / PER

    def training(self, tokens: float) -> float:
        """Dollars of training on so many tokens, those of every epoch counted."""
        return self.trained * tokens / PER


def tokens_of(text: str, characters_per_token: float) -> float:
    """Tokens of a message, reckoned by its length, with what the chat format adds."""
    return len(text) / characters_per_token + MESSAGE


def most_tokens(messages: Sequence[dict[str, str]]) -> int:
    """Tokens of a conversation at most: no tokenizer makes more of a text than it has bytes."""
    return sum(len(message["content"].encode()) + 2 * MESSAGE for message in messages) + REPLY


@dataclass(frozen=True)
class Steps:
    """An episode of T steps as it is told: tokens of the opening O, of what each step shows S, of the reply R.

    In dialogue every request holds all that was said before; in summary each is about as long as the one halfway (O), and
    nothing is shown after it.
    """

    horizon: int
    opening: float
    shown: float
    reply: float
    summary: bool = False

    @property
    def prompt(self) -> float:
        """Told tokens of all requests: T (O + 3), and in dialogue (R + 4 + S) T (T - 1) / 2."""
        alone = self.horizon * (self.opening + REPLY)
        return alone if self.summary else alone + self._step * self.horizon * (self.horizon - 1) / 2

    @property
    def sampled(self) -> float:
        """Tokens of all replies: T R."""
        return self.horizon * self.reply

    @property
    def trained(self) -> float:
        """Tokens of its conversations, once each: O + T R + (T - 1) S and the format's; in summary T (O + R)."""
        if self.summary:
            return self.horizon * (self.opening + MESSAGE + self.reply)
        return self.opening + self._step * self.horizon - self.shown

    @property
    def _step(self) -> float:
        return self.reply + MESSAGE + self.shown
