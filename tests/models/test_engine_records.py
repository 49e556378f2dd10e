"""What the transformers engine plays: the same in any company, whole records of it, and an end where there is no room."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from drawn import rows

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task, draw_episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED
from rmft.models.transformers_engine import TransformersEngine


def test_the_order_of_a_batch_changes_nothing(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    records = play_with(engine, episodes)
    order = np.random.default_rng(0).permutation(len(episodes)).tolist()
    assert play_with(engine, rows(episodes, order)) == [records[i] for i in order]
    assert play_with(engine, episodes) == records


def test_company_and_batch_size_change_next_to_nothing(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    """Only a number that falls within the last bits of a cumulative probability can flip; none does here."""
    records = play_with(engine, episodes)
    flips = Counter()
    for size in (1, 5, 12):
        for start in range(0, len(episodes), size):
            part = list(range(start, min(start + size, len(episodes))))
            again = play_with(engine, rows(episodes, part))
            flips[size] += sum(one != records[i] for i, one in zip(part, again, strict=True))
    assert flips.total() == 0, flips


def test_seeds_decide_what_is_said(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    same = rows(episodes, [0] * len(episodes))
    others = replace(same, seeds=episodes.seeds)
    assert len({tuple(record.token_ids) for record in play_with(engine, same)}) == 1
    assert len({tuple(record.token_ids) for record in play_with(engine, others)}) > len(episodes) / 2


def test_two_cells_and_two_policies_draw_differently(engine: TransformersEngine, task: Task, play_with) -> None:
    where = {"split": "train", "iteration": 0, "scenarios": range(3), "per_scenario": 2}
    names = [("a", 0), ("a", 1), ("b", 0)]
    played = [play_with(engine, draw_episodes(task, seed=seed, policy=policy, **where)) for policy, seed in names]
    first, seeded, other = ([record.token_ids for record in records] for records in played)
    assert first != seeded
    assert first != other


def test_an_episode_that_outgrows_the_context_ends_and_the_others_go_on(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    undisturbed = play_with(engine, episodes)
    last_reply = [int(np.flatnonzero(np.diff(record.loss_mask) == 1)[-1]) + 1 for record in undisturbed]
    engine.context_length = int(np.median(last_reply)) + engine.max_new_tokens
    cut = play_with(engine, episodes)
    assert {record.status for record in cut} == {COMPLETE, CONTEXT_EXHAUSTED}
    for record, whole in zip(cut, undisturbed, strict=True):
        if record.status == COMPLETE:
            assert record == whole
            continue
        length, played = len(record.token_ids), 6 - record.actions.count(-1)
        assert length <= engine.context_length
        assert record.token_ids == whole.token_ids[:length]
        assert record.loss_mask == whole.loss_mask[:length]
        assert record.loss_mask[-1] == 1
        assert record.chats[0] == whole.chats[0][: len(record.chats[0])]
        assert record.chats[-1][-1]["role"] == "assistant"
        assert record.actions == whole.actions[:played] + [-1] * (6 - played)
        assert record.rewards == whole.rewards[:played] + [0.0] * (6 - played)
        assert record.parse_status == whole.parse_status[:played] + ["none"] * (6 - played)


def test_no_context_for_the_opening_ends_all_episodes_at_once(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    engine.context_length = engine.max_new_tokens + 3
    for record in play_with(engine, episodes):
        assert (record.status, record.token_ids, record.chats) == (CONTEXT_EXHAUSTED, [], [])
        assert record.actions == [-1] * 6


def test_masks_cover_what_the_model_said_and_nothing_else(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    records = play_with(engine, episodes)
    engine.temperature = 5.0  # replies of any length that nobody can read
    records += play_with(engine, episodes)
    assert {status for record in records for status in record.parse_status} >= {"ok", "fallback"}
    for record in records:
        edges = np.flatnonzero(np.diff([0, *record.loss_mask, 0])).reshape(-1, 2)
        said = [message["content"] for message in record.chats[0] if message["role"] == "assistant"]
        assert [engine.decode(record.token_ids[start:stop]) for start, stop in edges] == said
        told = [message["content"] for message in record.chats[0] if message["role"] == "user"]
        prompts = [engine.tokenizer.decode(part) for part in np.split(record.token_ids, edges.ravel())[::2]]
        assert len(prompts) == len(told) + 1
        assert [f"<|user|>{content}<|assistant|>" for content in told] == [
            prompt.removeprefix("<|end|>") for prompt in prompts[:-1]
        ]


def test_the_whole_record_is_what_the_template_renders(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    for record in play_with(engine, episodes):
        text = engine.tokenizer.apply_chat_template(record.chats[0], tokenize=False)
        assert engine.tokenizer.decode(record.token_ids) == text


def test_a_special_token_within_a_reply_stays_and_is_no_answer(engine: TransformersEngine, context: Context) -> None:
    said = engine.tokenizer("Answer: A", add_special_tokens=False)["input_ids"]
    user, pad = engine.tokenizer.convert_tokens_to_ids(["<|user|>", "<|pad|>"])
    assert context.parse(engine.decode([*said, engine.end_id])) == 0
    for ids in ([*said, user], [*said, pad], [user, *said]):
        assert context.parse(engine.decode([*ids, engine.end_id])) is None


def test_weights_that_are_not_numbers_are_refused(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    engine.model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        play_with(engine, episodes)
