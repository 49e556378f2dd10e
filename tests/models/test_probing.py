"""A policy on a fixed history hears what it would hear in a rollout, and answers as itself."""

from collections.abc import Callable

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from rmft.core.probes import histories, repeated
from rmft.models.chat import renderer
from rmft.models.probing import ask
from rmft.models.teacher import Teacher


class Echo:
    """An engine that keeps what it is fed and always says the same."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, text: str, context_length: int = 10**6) -> None:
        self.tokenizer, self.end_id, self.context_length = tokenizer, tokenizer.eos_token_id, context_length
        self.said = [*tokenizer(text, add_special_tokens=False)["input_ids"], self.end_id]
        self.fed: list[list[int]] = []
        self.seeds: list[int] = []

    def open(self, conversations: int) -> "Echo":
        return self

    def keep(self, rows: list[int]) -> None:
        """All conversations go on."""

    def fits(self, row: int, new: int) -> bool:
        return new <= self.context_length

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        self.fed, self.seeds = self.fed + new_ids, self.seeds + seeds.tolist()
        return [self.said for _ in new_ids]

    decode = Teacher.decode


def test_the_dialogue_is_that_of_a_rollout_up_to_the_step_asked(
    world: Callable, mode: dict, tokenizer: PreTrainedTokenizerBase
) -> None:
    played = world(horizon=8, **mode)
    task, context, render = played.task, played.context, renderer(tokenizer)
    final = context.reply("stay", 1) if task.output == "action" else context.reply_shares("stay", 1, 0.0, [0, 1, 0])
    for found in histories(task, 2):
        engine = Echo(tokenizer, final)
        records = ask(engine, render, context, task, found, replies=2)
        steps = found.actions.shape[1]
        assert len(records) == len(engine.fed) == len(set(engine.seeds)) == 2 * len(found)
        assert [record.actions[:steps] for record in records] == np.repeat(found.actions, 2, axis=0).tolist()
        assert all(record.actions[steps] == 1 and record.parse_status == ["ok"] * (steps + 1) for record in records)
        assert all(record.chats[-1][-1] == {"role": "assistant", "content": final} for record in records)
        for record, fed in zip(records, engine.fed, strict=True):
            chat = record.chats[-1]
            whole = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
            assert fed == tokenizer(whole, add_special_tokens=False)["input_ids"]
        first = records[0].chats[0][0]["content"]
        if task.interaction == "dialogue":
            assert first == context.opening(8)  # told of the task's own T
            assert len(records[0].chats) == 1 and len(records[0].chats[0]) == 2 * (steps + 1)
        else:
            assert first.startswith(context.opening(8)) and len(records[0].chats) == steps + 1


def test_rewards_are_those_of_the_history(world: Callable, tokenizer: PreTrainedTokenizerBase) -> None:
    played = world(horizon=20)
    for found in histories(played.task, 3):
        records = ask(Echo(tokenizer, "x"), renderer(tokenizer), played.context, played.task, found, replies=1)
        steps = found.actions.shape[1]
        paid = np.take_along_axis(found.episodes.rewards[:, :steps], found.actions[:, :, None], axis=2)[:, :, 0]
        np.testing.assert_allclose([record.rewards[:steps] for record in records], paid)
        shown = [played.context.show(a, r) for a, r in zip(found.actions[0], paid[0], strict=True)]
        heard = [message["content"] for message in records[0].chats[0] if message["role"] == "user"]
        assert heard == [played.context.opening(20), *shown]
        assert records[0].parse_status[-1] == "fallback"  # what cannot be read is kept, and not asked again


def test_an_arm_is_called_untried_once(world: Callable, tokenizer: PreTrainedTokenizerBase) -> None:
    played = world(horizon=20)
    found = histories(played.task, 1)[0]
    record = ask(Echo(tokenizer, "x"), renderer(tokenizer), played.context, played.task, found, replies=1)[0]
    said = [message["content"] for message in record.chats[0] if message["role"] == "assistant"][:-1]
    actions = found.actions[0].tolist()
    wanted = [played.context.reply("any" if a in actions[:t] else "untried", a) for t, a in enumerate(actions)]
    assert said == wanted


def test_a_history_that_does_not_fit_is_refused(world: Callable, tokenizer: PreTrainedTokenizerBase) -> None:
    played = world(horizon=20)
    found, engine = histories(played.task, 1)[0], Echo(tokenizer, "x", context_length=30)
    with pytest.raises(ValueError, match="does not fit the model's context"):
        ask(engine, renderer(tokenizer), played.context, played.task, found, replies=1)


def test_the_requests_seed_is_of_the_history_and_the_reply_alone(
    world: Callable, tokenizer: PreTrainedTokenizerBase
) -> None:
    played = world(horizon=8)
    found = histories(played.task, 2)[0]
    engines = [Echo(tokenizer, text) for text in ("x", "y")]
    for engine in engines:
        ask(engine, renderer(tokenizer), played.context, played.task, found, replies=2)
    assert engines[0].seeds == engines[1].seeds
    assert len(repeated(found.episodes, 2)) == len(engines[0].seeds)
