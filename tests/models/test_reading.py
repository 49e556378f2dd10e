"""What the reading test asks, by an oracle that reads only the words, and how it takes answers."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from rmft.core.drifts import reacted
from rmft.core.seeding import generator
from rmft.core.tasks import draw_episodes
from rmft.models import reading
from rmft.models.crowd import Chat, World

N = 250  # histories of each length


def named(world: World, text: str) -> list[tuple[int, float]]:
    """The arms that a text names with a number, and the numbers."""
    names = world.context.arm_names
    pattern = rf"\b({'|'.join(names)})\b(?: paid|: pressed \d+x, (?:weighted )?average)? (-?\d+\.\d\d)"
    return [(names.index(name), float(number)) for name, number in re.findall(pattern, text)]


def best_in_words(world: World, chat: Chat) -> int:
    """The arm with the best average, from what the messages to the model say."""
    told = [message["content"] for message in chat if message["role"] == "user"]
    texts = told[0].splitlines()[1:] if world.task.interaction == "summary" else told[1:]  # without the rules
    numbers = [pair for text in texts for pair in named(world, text)]
    averages = [np.mean([x for a, x in numbers if a == arm] or [-np.inf]) for arm in range(3)]
    return int(np.argmax(averages))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tiny: Path):
    """The rows of a reading test whose answers come from a function of the world and the chats; and these chats."""

    def run(world: World, answer: Callable[[World, list[Chat]], np.ndarray]) -> tuple[list[dict], list[list[Chat]]]:
        seen: list[list[Chat]] = []

        def answers(model: object, tokenizer: object, chats: list[Chat], world: World, new_tokens: int) -> np.ndarray:
            seen.append(chats)
            return answer(world, chats)

        monkeypatch.setattr(reading, "_answers", answers)
        return reading.read(tiny, [world], new_tokens=1), seen

    return run


def test_the_best_average_can_be_read_from_the_words(world: Callable[..., World], asked, mode: dict) -> None:
    """But for arms whose averages round alike, or nearly."""
    small = world(**mode)
    rows, _ = asked(small, lambda world, chats: np.array([best_in_words(world, chat) for chat in chats]))
    assert [(row["steps_seen"], row["told"]) for row in rows] == [
        (seen, told) for seen in (3, 4) for told in ("exploit", "nothing")
    ]
    for row in rows:
        assert row["best_empirical"] >= 0.98
        assert 1 / 3 < row["best_true"] < row["best_empirical"]
        assert (row["task"], row["n"], row["chance"]) == ("small", N, 1 / 3)


def test_the_truly_best_arm_is_that_of_the_next_step(world: Callable[..., World], asked, kind: dict) -> None:
    small, steps = world(**kind), iter([3, 3, 4, 4])
    where = {"split": "reading", "seed": 0, "iteration": 0, "policy": "reading"}
    episodes = draw_episodes(small.task, **where, scenarios=range(N), per_scenario=1)

    def oracle(world: World, chats: list[Chat]) -> np.ndarray:
        seen = next(steps)
        replies = [world.context.read(chat[-2]["content"]) for chat in chats]
        means = np.broadcast_to(episodes.mean_rewards, episodes.rewards.shape)[:, seen]
        if world.task.output == "action":
            return reacted(means, np.array([reply.action for reply in replies]), episodes.reaction).argmax(axis=1)
        last = generator("reading", "small", seen).integers(3, size=(N, seen))[:, -1]
        return reacted(means, last, episodes.reaction).argmax(axis=1)

    rows, _ = asked(small, oracle)
    assert [row["best_true"] for row in rows] == [1.0] * 4


def test_the_order_comes_last_or_not_at_all(world: Callable[..., World], asked, mode: dict) -> None:
    small = world(**mode)
    _, (told, not_told, *_) = asked(small, lambda world, chats: np.zeros(len(chats)))
    for ordered, plain in zip(told, not_told, strict=True):
        assert ordered[:-1] == plain[:-1]
        assert ordered[-1]["content"] == small.context.tell_exploit(plain[-1]["content"])
        said = [message["content"] for message in plain if message["role"] == "assistant"]
        assert len(said) == (3 if mode["interaction"] == "dialogue" else 0)
        assert all(small.context.read(text) for text in said)
        assert plain[-1]["role"] == "user"


class Speaks:
    """A model that answers with scripted texts, whatever it is asked, and looks at how it is asked."""

    def __init__(self, tokenizer: object, texts: list[str]) -> None:
        self.tokenizer, self.texts, self.asked = tokenizer, iter(texts), []

    def generate(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: object) -> torch.Tensor:
        assert (attention_mask[:, -1] == 1).all()  # padding stands on the left
        for row, mask in zip(input_ids, attention_mask, strict=True):
            self.asked.append(self.tokenizer.decode(row[mask == 1]))
        texts = [next(self.texts) for _ in input_ids]
        said = self.tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")["input_ids"]
        return torch.cat([input_ids, said], dim=1)


@pytest.mark.parametrize(
    ("output", "answers"),
    [
        ("action", {"Answer: A": 0, "So.\nAnswer: C<|end|>": 2, "B": -1, "": -1}),
        ("distribution", {"Answer: A 0.20, B 0.50, C 0.30": 1, "C 1, so.\nAnswer: C 1, A 0, B 0": 2, "Answer: A": -1}),
    ],
)
def test_answers_are_read_strictly(world: Callable[..., World], tiny: Path, output: str, answers: dict) -> None:
    small, tokenizer = world(output=output), AutoTokenizer.from_pretrained(tiny)
    texts = [list(answers)[n % len(answers)] for n in range(N + 7)]  # more than a batch
    chats = [[{"role": "user", "content": "Well? " * (1 + n % 3)}] for n in range(N + 7)]
    model = Speaks(tokenizer, texts)
    read = reading._answers(model, tokenizer, chats, small, 24)
    assert read.tolist() == [answers[text] for text in texts]
    assert model.asked == [f"<|user|>{chat[0]['content']}<|assistant|>" for chat in chats]
