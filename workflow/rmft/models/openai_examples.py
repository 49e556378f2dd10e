"""Selected conversations as a provider's training file, by its rules, before anything is sent."""

import json
from dataclasses import dataclass

from rmft.core.prices import tokens_of
from rmft.models.openai_terms import Terms

_ROLES = ("system", "user", "assistant")
Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Examples:
    """A training file: its conversations as JSON lines, their tokens as reckoned, and how many could not be taken."""

    lines: bytes
    number: int
    tokens: float
    left_out: int


def last_lines(chat: Chat) -> Chat:
    """The conversation with nothing but the last line of each reply: the answers alone."""
    said = lambda m: (m["content"].strip().splitlines() or [""])[-1] if m["role"] == "assistant" else m["content"]  # noqa: E731
    return [{**message, "content": said(message)} for message in chat]


def complaint(chat: Chat, terms: Terms) -> str | None:
    """What the provider would refuse of a conversation, or None."""
    roles = [message.get("role") for message in chat]
    if not chat or roles[-1] != "assistant":
        return "does not end with a reply"
    if odd := [role for role in roles if role not in _ROLES]:
        return f"has the role {odd[0]!r}"
    if any(not isinstance(message.get("content"), str) or not message["content"].strip() for message in chat):
        return "holds an empty message"
    tokens = sum(tokens_of(message["content"], terms.characters_per_token) for message in chat)
    if tokens > terms.example_tokens:
        return f"has about {tokens:.0f} tokens (example_tokens: {terms.example_tokens})"
    return None


def examples(chats: list[Chat], terms: Terms, *, least: int) -> Examples:
    """The training file of conversations; those that the provider would refuse are left out. Raises ValueError where fewer
    than ``least`` are left, or the file is too large."""
    said = [complaint(chat, terms) for chat in chats]
    kept = [chat for chat, wrong in zip(chats, said, strict=True) if wrong is None]
    wrong = next(filter(None, said), "")
    if len(kept) < least:
        why = f"; {len(chats) - len(kept)} were left out, the first as it {wrong}" if wrong else ""
        raise ValueError(
            f"{len(kept)} conversations to train on, and the provider asks for {least} (least_examples){why}; "
            "select more, or play more scenarios"
        )
    lines = "".join(json.dumps({"messages": chat}) + "\n" for chat in kept).encode()
    if len(lines) > terms.training_megabytes * 1e6:
        raise ValueError(f"the training file has {len(lines) / 1e6:.0f} MB (training_megabytes); select fewer")
    tokens = sum(tokens_of(message["content"], terms.characters_per_token) for chat in kept for message in chat)
    return Examples(lines, len(kept), tokens, len(chats) - len(kept))
