"""Calls to a provider by the official client: each ends in an answer, or in one line that says what to mend, in time.

The client itself keeps to the provider's rate limits and backs off. What creates something that costs money is never
repeated blindly: an answer that was lost may stand for something that was made, so it is looked for first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import TypeVar

import openai
from openai import AsyncOpenAI

from rmft.models.openai_terms import KEY, Served, Terms, api_key, hushed

_T = TypeVar("_T")
_AGAIN = "what was bought is kept: run the same command again"
_MENDS = {
    400: "mend the model's entry in the config: the provider refuses what it says",
    401: f"check {KEY}",
    403: f"this {KEY} may not do that: check its project and the model",
    404: "check model and base_url in the config; a server that is not OpenAI's may take no batches and fine-tune nothing",
    413: "lower batch_megabytes or training_megabytes",
}


# How servers say that a conversation no longer fits, beside the code context_length_exceeded. The last is vLLM's, of one
# that leaves no token for the reply; our own cap on a reply is never 0.
_FULL = ("maximum context length", "maximum model length", "must be at least 1, got 0")


class ContextFull(Exception):
    """The conversation no longer fits the model's context."""


class Refused(Exception):
    """The provider's filter took no such request, or gave no such answer."""


class Malformed(Exception):
    """An answer that is none."""


class Lost(Exception):
    """No answer came, or none that can be read; whether something was made is not known. The message says what happened."""


class Busy(Exception):
    """The provider has too much of ours in hand: the same may be taken later."""


def connect(served: Served, terms: Terms) -> AsyncOpenAI:
    """A client. Raises ValueError where there is no key."""
    return AsyncOpenAI(
        api_key=api_key(), base_url=served.base_url, timeout=terms.timeout_seconds, max_retries=terms.retries
    )


def shaped(answer: object, kind: type[_T], *needed: str) -> _T:
    """The answer, if it is what was asked for. Raises Malformed."""
    if not isinstance(answer, kind) or any(getattr(answer, name, None) is None for name in needed):
        raise Malformed(f"an answer that is no {kind.__name__}")
    return answer


async def once(call: Callable[[], Awaitable], terms: Terms) -> object:
    """The answer of one call. Raises Lost, Busy, ContextFull, Refused; ValueError, with the mend, for the rest."""
    try:
        async with asyncio.timeout(terms.give_up_seconds):
            return await call()
    except openai.APIStatusError as error:
        raise _of_status(error) from None
    except TimeoutError:
        raise Lost(f"no answer within give_up_seconds ({terms.give_up_seconds:g})") from None
    except openai.APITimeoutError:
        raise Lost(f"no answer within timeout_seconds ({terms.timeout_seconds:g})") from None
    except openai.APIConnectionError as error:
        raise Lost(hushed(f"no connection ({error.__cause__ or error})")) from None
    except (openai.APIError, JSONDecodeError, Malformed, UnicodeDecodeError) as error:
        raise Lost(hushed(f"an answer that cannot be read ({error})")) from None


def unanswered(code: str, said: str) -> ContextFull | Refused | None:
    """Why there is no reply, where an error means that this request has none; None where it means something else."""
    if code == "context_length_exceeded" or any(words in said for words in _FULL):
        return ContextFull(said)
    if code in ("content_filter", "content_policy_violation", "invalid_prompt"):
        return Refused(said)
    return None


def _of_status(error: openai.APIStatusError) -> Exception:
    """What an answer with an error status means."""
    body = error.body if isinstance(error.body, dict) else {}
    code, said = str(body.get("code") or body.get("type") or ""), hushed(str(body.get("message") or error.message))
    status, line = error.status_code, f"{error.status_code} {said[:300]}"
    if no_reply := unanswered(code, said):
        return no_reply
    if code in ("insufficient_quota", "billing_hard_limit_reached"):
        return ValueError(f"{line}; the account has no money left: top it up; {_AGAIN}")
    if status == 429 or code == "token_limit_exceeded":
        return Busy(line)
    if status >= 500 or status in (408, 409):
        return Lost(line)
    return ValueError(f"{line}; {_MENDS.get(status, _MENDS[400])}; {_AGAIN}")


async def ask(call: Callable[[], Awaitable], terms: Terms, what: str) -> object:
    """The answer of a call that may be repeated: the client repeats it where the server asks for it or is away, this where
    the answer cannot be read. Raises ValueError, one line, where none comes."""
    for tried in range(terms.retries + 1):
        try:
            return await once(call, terms)
        except (Lost, Busy) as error:
            unread, said = "cannot be read" in str(error), str(error)
            if tried == terms.retries or not unread:
                break
            await asyncio.sleep(min(8.0, 0.5 * 2**tried))
    raise ValueError(f"{what}: {said}; tried {terms.retries + 1} times (retries, give_up_seconds); {_AGAIN}")


async def create_once(
    find: Callable[[], Awaitable], create: Callable[[], Awaitable], terms: Terms, what: str, *, wait: float
) -> object:
    """What ``find`` finds, or else what ``create`` makes, by a client that does not retry: whenever an answer is lost, it is
    looked for before anything is made again. Raises ValueError when ``wait`` seconds have passed."""
    clock = asyncio.get_running_loop().time
    end, tried = clock() + wait, 0
    while True:
        if (found := await ask(find, terms, what)) is not None:
            return found
        try:
            return await once(create, terms)
        except (Lost, Busy) as error:
            said, tried = str(error), tried + 1
            if isinstance(error, Lost) and tried > terms.retries:
                raise ValueError(f"{what}: {said}; tried {tried} times (retries); {_AGAIN}") from None
            pause = terms.poll_seconds if isinstance(error, Busy) else min(8.0, 0.5 * 2**tried)
        if clock() + pause > end:
            raise ValueError(f"{what}: {said}; gave up after {wait:g} seconds; {_AGAIN}")
        await asyncio.sleep(pause)


async def until(look: Callable[[], Awaitable], ended: Callable[[object], bool], terms: Terms, what: str) -> object:
    """Look again and again until it has ended. Raises ValueError when patience_hours have passed."""
    clock = asyncio.get_running_loop().time
    end = clock() + 3600 * terms.patience_hours
    while not ended(found := await ask(look, terms, what)):
        if clock() + terms.poll_seconds > end:
            raise ValueError(
                f"{what}: still {found.status} after {terms.patience_hours:g} hours (patience_hours); it goes on at the "
                "provider: run the same command again to wait on"
            )
        await asyncio.sleep(terms.poll_seconds)
    return found
