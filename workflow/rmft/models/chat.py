"""Chat rendering, token in and token out: only the new piece of text is ever tokenised.

The pieces that a chat template puts between messages are found once per model, by rendering a dialogue of sentinels.
"""

from dataclasses import dataclass

from jinja2 import TemplateError

_ASKED, _SHOWN = "sentinelasked", "sentinelshown"
_SAID = "<think>sentinelthought</think>sentinelsaid"  # many templates drop the reasoning of earlier replies


@dataclass(frozen=True)
class Renderer:
    """What the template writes around messages. ``begin`` stands before the first message, ``turn`` after each message
    to the model (it ends in the prompt to answer), ``bridge`` between a reply and the next message (it begins with the
    end token, which ``end`` holds)."""

    tokenizer: object
    begin: str
    turn: str
    bridge: str
    end: str

    def opening(self, content: str) -> list[int]:
        """The tokens of the first message, up to where the model answers."""
        return self._encode(self.begin + content + self.turn)

    def following(self, content: str, *, ended: bool) -> list[int]:
        """The tokens between a reply and the next one. ``ended``: the model sampled its end token itself."""
        bridge = self.bridge[len(self.end) :] if ended else self.bridge
        return self._encode(bridge + content + self.turn)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def renderer(tokenizer: object) -> Renderer:
    """The renderer of a tokenizer's chat template.

    Raises ValueError where the template does not keep the history as it was said, so that a prompt would not extend the
    last one.
    """

    def render(*contents: str) -> str:
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    try:
        text, longer = render(_ASKED, _SAID, _SHOWN), render(_ASKED, _SAID, _SHOWN, _SAID, _SHOWN)
    except (TemplateError, ValueError) as error:
        raise ValueError(f"{tokenizer.name_or_path}: its chat template renders no dialogue ({error})") from None
    begin, _, rest = text.partition(_ASKED)
    turn, _, rest = rest.partition(_SAID)
    bridge, _, last = rest.partition(_SHOWN)
    end = tokenizer.eos_token
    if not end or last != turn or not bridge.startswith(end) or longer != text + _SAID + bridge + _SHOWN + turn:
        raise ValueError(
            f"{tokenizer.name_or_path}: its chat template rewrites earlier messages or does not end a reply with {end!r}; "
            "give the model a template that keeps the history as it was said"
        )
    return Renderer(tokenizer, begin, turn, bridge, end)
