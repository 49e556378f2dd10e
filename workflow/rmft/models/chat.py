"""Chat rendering, token in and token out: only the new piece of text is ever tokenised.

The pieces that a chat template puts between messages are found once per model, by rendering dialogues of sentinels.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import TemplateError

from rmft.models.speech import Speech, stop_ids

_RULES, _ASKED, _SAID, _SHOWN = "sentinelrules", "sentinelasked", "sentinelsaid", "sentinelshown"
_REASONED = f"<think>\nsentinelthought\n</think>\n\n{_SAID}"  # many templates drop the reasoning of earlier replies
THOUGHT_ENDS = "</think>"


@dataclass(frozen=True)
class Renderer:
    """What the template writes around messages. ``begin`` stands before the first message to the model, or before the
    system's, which ``after_system`` follows; ``turn`` after each message to the model (it ends in the prompt to answer);
    ``bridge`` between a reply and the next message (it begins with the end token).

    stops: ids of the tokens that end a reply, ``end_id`` first. strips: whether earlier reasoning is dropped.
    """

    tokenizer: object
    begin: str
    turn: str
    bridge: str
    stops: tuple[int, ...]
    after_system: str | None = None
    strips: bool = False

    @property
    def end_id(self) -> int:
        """The token that the template ends a reply with."""
        return self.stops[0]

    @property
    def system(self) -> bool:
        """Whether the rules are a message of the system."""
        return self.after_system is not None

    def opening(self, content: str, rules: str = "") -> list[int]:
        """The tokens of the first message, up to where the model answers; ``rules``: what the system says before it."""
        before = self.begin + (rules + self.after_system if self.system else "")
        return self._encode(before + content + self.turn)

    def following(self, content: str, *, ended: bool) -> list[int]:
        """The tokens between a reply and the next one. ``ended``: the model sampled the template's end token itself."""
        return self._encode(self.bridge + content + self.turn)[ended:]

    def answer(self, reply: list[int]) -> list[int]:
        """What stays of a reply where reasoning is dropped: its tokens after the end of its reasoning, or all where there is
        none. Nothing is tokenised again, so that a template's trimming of blanks is followed by whole tokens alone."""
        holds = lambda a, b: THOUGHT_ENDS in self.tokenizer.decode(reply[a:b])  # noqa: E731
        places = range(len(reply) + 1)
        last = bisect_left(places, True, key=lambda i: not holds(i, None)) - 1  # where its last occurrence begins
        if last < 0:
            return reply
        end = bisect_left(places, True, key=lambda i: i > last and holds(last, i))
        while end < len(reply) and not self.tokenizer.decode(reply[end : end + 1]).strip():
            end += 1
        return reply[end:]

    def text(self, reply: list[int]) -> str:
        """The text of a reply without the token that ended it; a special token in its midst stays, and is no answer."""
        return self.tokenizer.decode(reply[:-1] if reply and reply[-1] in self.stops else reply)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def renderer(tokenizer: object, speech: Speech = Speech()) -> Renderer:  # noqa: B008  frozen
    """The renderer of a tokenizer's chat template.

    Raises ValueError where the template does not keep what was said (but for reasoning, by ``history``), so that a prompt
    would not extend the last one.
    """
    arguments = ({"enable_thinking": False} if speech.history == "no_think" else {}) | speech.template

    def render(*contents: str, **others: object) -> str:
        roles = ("user", "assistant")
        system = [{"role": "system", "content": _RULES}] if speech.system_role else []
        messages = system + [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]
        settings = {"tokenize": False, "add_generation_prompt": True} | arguments | others
        return tokenizer.apply_chat_template(messages, **settings)

    name, stops = tokenizer.name_or_path, stop_ids(tokenizer, speech)
    try:
        render(_ASKED, _SAID, _SHOWN)
    except (TemplateError, ValueError) as error:
        raise ValueError(f"{name}: its chat template renders no dialogue ({error})") from None
    try:
        return _pieces(tokenizer, speech, stops, render)
    except ValueError as error:
        raise ValueError(f"{name}: its chat template {error}") from None


def _pieces(tokenizer: object, speech: Speech, stops: list[int], render: Callable[..., str]) -> Renderer:
    """The pieces, found and checked. Raises ValueError where they are none."""
    first, text = render(_ASKED), render(_ASKED, _SAID, _SHOWN)
    before, _, turn = first.partition(_ASKED)
    # before a reply in the history; before one to come, a template whose thinking is off writes more
    history, _, rest = text.removeprefix(before + _ASKED).partition(_SAID)
    bridge, _, last = rest.partition(_SHOWN)
    end = tokenizer.convert_ids_to_tokens(stops[0])
    again = _SAID + bridge + _SHOWN
    kept = text == before + _ASKED + history + again + turn and last == turn
    kept &= render(_ASKED, _SAID, _SHOWN, _SAID, _SHOWN) == before + _ASKED + (history + again) * 2 + turn
    if not kept or not bridge.startswith(end) or not turn.startswith(history):
        raise ValueError(
            f"rewrites earlier messages or does not end a reply with {end!r}; give the model a template that keeps the "
            "history as it was said, or name the token that ends a reply under stop"
        )
    _check_history(speech, render, turn=turn, history=history, text=text)
    begin, rules, after = before.partition(_RULES)
    if speech.system_role and not rules:
        raise ValueError("leaves out what the system says; write system_role: false")
    found = Renderer(tokenizer, begin, turn, bridge, tuple(stops), after if rules else None, speech.history == "strip")
    if found.following("", ended=False)[:1] != stops[:1]:
        raise ValueError(
            f"ends a reply with {end!r}, which is no token of its own; name the token that does under stop"
        )
    return found


def _check_history(speech: Speech, render: Callable[..., str], *, turn: str, history: str, text: str) -> None:
    """Raises ValueError where the template does with reasoning what ``history`` does not say."""
    drops = render(_ASKED, _REASONED, _SHOWN) == text
    if speech.history == "keep" and turn != history:
        raise ValueError("writes more before a reply than it keeps of it; write history: no_think")
    if speech.history == "strip" and not drops:
        raise ValueError("keeps the reasoning of earlier replies; write history: keep")
    if speech.history == "no_think" and render(_ASKED, enable_thinking=True) == render(_ASKED, enable_thinking=False):
        raise ValueError("has no thinking to switch off; write history: keep")
