"""Requests for one reply each, the keys by which they are known, and what a provider's answers mean."""

import hashlib
import json
from dataclasses import dataclass

from openai.types.chat import ChatCompletion

from rmft.core.prices import REPLY, most_tokens
from rmft.models.openai_client import ContextFull, Malformed, Refused, shaped
from rmft.models.openai_terms import Served, Terms

CONTEXT = "context"
_BROKEN_OFF = ("abort", "error")  # of vLLM: its end, not the model's


@dataclass(frozen=True)
class Heard:
    """A reply. ended: the model came to its end itself. why: "", or refused, empty, context: no reply, it no longer fits.

    prompt, cached, sampled: tokens that the provider counted; usd: what they cost.
    """

    text: str
    ended: bool
    why: str = ""
    prompt: int = 0
    cached: int = 0
    sampled: int = 0
    usd: float = 0.0


@dataclass(frozen=True)
class Request:
    """The body of a request, and its seed, which names it even where the provider is not told it."""

    body: dict
    seed: int

    @property
    def key(self) -> str:
        """The same for the same request of the same episode, step and attempt; no other has it."""
        text = json.dumps([self.body, self.seed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Speaker:
    """Who is asked: a model as it is served, on terms; ``tuned``: fine-tuned, at other prices."""

    served: Served
    terms: Terms
    tuned: bool
    temperature: float
    max_new_tokens: int

    def request(self, messages: list[dict[str, str]], seed: int) -> Request:
        """The request for the next reply. seed: 64 bits; the API's has a sign, so the last one goes."""
        seed = int(seed) >> 1
        body = {"model": self.served.model, "messages": [dict(message) for message in messages]}
        body[self.served.length] = self.max_new_tokens
        body |= {"temperature": self.temperature} if self.served.temperature else {}
        body |= {"seed": seed} if self.served.seed else {}
        return Request(body | self.served.parameters, seed)

    def most(self, request: Request) -> float:
        """Dollars that a request may cost."""
        return self._usd(most_tokens(request.body["messages"]), self.max_new_tokens, 0)

    def tokens(self, request: Request) -> float:
        """Tokens of a request by which a provider's queue is reckoned."""
        characters = sum(len(message["content"]) for message in request.body["messages"])
        return characters / self.terms.characters_per_token + 4 * len(request.body["messages"]) + REPLY

    def heard(self, answer: object) -> Heard:
        """What an answer says. Raises Malformed for one that is none."""
        choices = shaped(answer, ChatCompletion, "choices").choices
        if not isinstance(choices, list) or not choices or getattr(choices[0], "message", None) is None:
            raise Malformed("an answer without a message")
        message, finish = choices[0].message, choices[0].finish_reason
        if finish in _BROKEN_OFF:
            raise Malformed(f"a reply that was broken off: {finish}")
        refusal = getattr(message, "refusal", None)
        text = message.content or refusal or ""
        if not isinstance(text, str):
            raise Malformed("a message that is no text")
        refused = bool(refusal) or finish == "content_filter"
        why = "refused" if refused else "" if text.strip() else "empty"
        return Heard(text, finish == "stop" and not why, why, **self._paid(answer))

    def _paid(self, answer: ChatCompletion) -> dict:
        """The tokens and dollars of an answer. Raises Malformed for one that does not count them."""
        usage = answer.usage
        if usage is None or not isinstance(usage.prompt_tokens, int) or not isinstance(usage.completion_tokens, int):
            raise Malformed("an answer that does not count its tokens (usage)")
        cached = getattr(usage.prompt_tokens_details, "cached_tokens", None) or 0
        prompt, sampled = usage.prompt_tokens, usage.completion_tokens
        return {
            "prompt": prompt,
            "cached": cached,
            "sampled": sampled,
            "usd": self._usd(prompt, sampled, cached),
        }

    def _usd(self, prompt: float, sampled: float, cached: float) -> float:
        batch = self.terms.mode == "batch"
        return self.terms.prices.play(prompt, sampled, tuned=self.tuned, batch=batch, cached=cached)


def no_reply(why: ContextFull | Refused) -> Heard:
    """What stands for the reply that there is none of."""
    return Heard("", False, CONTEXT) if isinstance(why, ContextFull) else Heard(str(why), False, "refused")
