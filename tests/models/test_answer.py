"""Of each reply its final line alone is learnt."""

from collections.abc import Callable

import numpy as np
import pytest
from crowd_rows import END, Row, row_of, talk
from transformers import PreTrainedTokenizerBase

from rmft.models.answer import answer_alone
from rmft.models.crowd import Crowd, World


def runs(tokenizer: PreTrainedTokenizerBase, row: Row) -> list[str]:
    """The text of each run of targets."""
    ids, mask = row
    edges = np.flatnonzero(np.diff([0, *mask, 0])).reshape(-1, 2)
    return [tokenizer.decode(ids[start:stop]) for start, stop in edges]


def test_of_each_reply_the_final_line_and_the_end_token_are_learnt(
    tokenizer: PreTrainedTokenizerBase, world: Callable[..., World], crowd: Crowd, mode: dict
) -> None:
    """And at most one token of what was said before: that in which the line begins."""
    for chat in talk(crowd, world(**mode), 12):
        before = row_of(tokenizer, chat)
        ids, kept = answer_alone(before, tokenizer)
        assert ids == before[0]
        assert all(new <= old for new, old in zip(kept, before[1], strict=True))
        said = [message["content"] for message in chat if message["role"] == "assistant"]
        for text, whole in zip(runs(tokenizer, (ids, kept)), said, strict=True):
            reasoning, final = whole.rsplit("\n", 1)
            assert text.endswith(f"\n{final}{END}")
            assert f"{reasoning}\n{final}{END}".endswith(text)
            (first, *_) = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert "\n" in tokenizer.decode([first])


REPLIES = {
    "Answer: B": "Answer: B",
    "So.\nAnswer: B": "\nAnswer: B",
    "I think,\nso I am.\n\nAnswer: B": "\nAnswer: B",
    "Answer: B\n": "Answer: B\n",
    "So.\nAnswer: B\n": "\nAnswer: B\n",
    "So.\n Answer: B \n\n": "\n Answer: B \n\n",
    "\nAnswer: B": "\nAnswer: B",
    "": "",
}


@pytest.mark.parametrize("said", REPLIES)
def test_the_final_line_of_any_reply(tokenizer: PreTrainedTokenizerBase, said: str) -> None:
    """One token a letter, so that it can be cut anywhere; also where the end token never came."""
    for end in ([tokenizer.eos_token_id], []):
        letters = [token for letter in said for token in tokenizer(letter, add_special_tokens=False)["input_ids"]]
        told = tokenizer("A paid 0.50\nGo on", add_special_tokens=False)["input_ids"]
        ids, own = told, letters + end
        row = (ids + own + ids + own, [0] * len(ids) + [1] * len(own) + [0] * len(ids) + [1] * len(own))
        known = REPLIES[said] + END * len(end)
        assert runs(tokenizer, answer_alone(row, tokenizer)) == ([known, known] if known else [])


def test_what_was_told_alone_stays_untouched(tokenizer: PreTrainedTokenizerBase) -> None:
    assert answer_alone(([5, 6, 7], [0, 0, 0]), tokenizer) == ([5, 6, 7], [0, 0, 0])
    assert answer_alone(([], []), tokenizer) == ([], [])
