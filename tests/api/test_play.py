"""Closed models play as open ones do, live and by batches, and every reply is bought once."""

import json

import numpy as np
import pytest
from brain import tokens
from pyarrow.parquet import read_table
from shop import rollout

from rmft.core.tasks import draw_episodes
from rmft.models.chat import renderer
from rmft.models.dialogue import play as play_here
from rmft.stages.files import chats

MODES = ("live", "batch")


class Halved:
    """An engine that is told its seeds as the API tells them: without the last bit."""

    def __init__(self, engine):
        self.engine, self.end_id, self.decode = engine, engine.end_id, engine.decode

    def open(self, conversations):
        session = self.engine.open(conversations)
        reply = session.reply
        session.reply = lambda ids, seeds: reply(ids, seeds >> np.uint64(1))
        return session


@pytest.mark.parametrize("mode", MODES)
def test_it_plays_as_the_same_model_does_here(shop, brain, mode):
    """Text is tokenised again at every step: an episode whose tokens that leaves alone comes out the same."""
    played = shop.play(shop.buyer(mode=mode), scenarios=6)
    engine = brain.engine("closed-mini")
    engine.max_new_tokens, render = 24, renderer(engine.tokenizer)
    how = {"split": "train", "seed": 0, "iteration": 0, "policy": "test", "per_scenario": 2, "scenarios": range(6)}
    here = play_here(Halved(engine), render, shop.context, shop.task, draw_episodes(shop.task, **how), max_reasks=1)
    alike = [tokens(other.chats[0], render, engine.end_id)[0] == other.token_ids for other in here]
    assert sum(alike) >= 6
    for one, other, same in zip(played, here, alike, strict=True):
        assert one.record.token_ids == one.record.loss_mask == []
        if same:
            assert one.record.chats == other.chats
            assert (one.record.actions, one.record.rewards) == (other.actions, other.rewards)
            assert one.record.parse_status == other.parse_status


@pytest.mark.parametrize("mode", MODES)
def test_what_was_bought_is_not_bought_again(shop, mode):
    first = [one.record.chats for one in shop.play(shop.buyer(mode=mode))]
    paid, calls = dict(shop.provider.replies), len(shop.provider.calls)
    assert set(paid.values()) == {1}
    again = shop.play(shop.buyer(mode=mode))
    assert [one.record.chats for one in again] == first
    assert (dict(shop.provider.replies), len(shop.provider.calls)) == (paid, calls)


@pytest.mark.parametrize("mode", MODES)
def test_the_tokens_and_dollars_are_the_provider_s(shop, mode):
    buyer = shop.buyer(mode=mode)
    played = shop.play(buyer)
    told, said = shop.provider.tokens["prompt"], shop.provider.tokens["sampled"]
    assert (sum(one.prompt for one in played), sum(one.sampled for one in played)) == (told, said)
    factor = 0.5 if mode == "batch" else 1.0
    assert buyer.spending.own["usd"] == pytest.approx(factor * (0.15 * told + 0.6 * said) / 1e6)
    assert buyer.spending.own["reserved"] == pytest.approx(0, abs=1e-9)


def test_batches_hold_all_episodes_of_a_round(shop):
    shop.play(shop.buyer(mode="batch"), scenarios=4, horizon=2)
    sizes = [batch["request_counts"]["total"] for batch in shop.provider.batches.values()]
    assert sizes[0] == 8
    assert len(sizes) <= 4  # two steps, and the re-asks of each


def test_batches_keep_within_the_token_budget(shop):
    buyer = shop.buyer(mode="batch", batch_tokens=250)
    shop.play(buyer, horizon=2)
    for batch in shop.provider.batches.values():
        lines = [json.loads(line) for line in shop.provider.files[batch["input_file_id"]]["data"].splitlines()]
        tokens = sum(len(m["content"]) / 4 + 4 for line in lines for m in line["body"]["messages"]) + 27 * len(lines)
        assert tokens <= 250 or len(lines) == 1
    assert len(shop.provider.batches) > 2  # one for each step, if all had room


ODD = {"refused": "refused", "content_filter": "refused", "filtered": "refused", "empty": "empty", "null": "empty"}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("mode", MODES)
def test_refusals_and_empty_answers_are_statuses(shop, mode, odd):
    shop.provider.odd_replies = [odd] * 4  # two steps, asked twice each
    played = shop.play(shop.buyer(mode=mode, concurrency=1), scenarios=1, horizon=2)
    statuses = [status for one in played for status in one.record.parse_status]
    assert all(one.record.status == "complete" for one in played)
    assert (statuses[0], statuses.count(ODD[odd]), len(statuses)) == (ODD[odd], 2, 4)


def test_a_reply_that_was_cut_is_not_read(shop):
    shop.provider.odd_replies = ["cut", "cut"]
    played = shop.play(shop.buyer(concurrency=1), scenarios=1, horizon=1)
    assert played[0].record.parse_status == ["fallback"]


@pytest.mark.parametrize("odd", ["too-long", "no-room"])
@pytest.mark.parametrize("mode", MODES)
def test_an_episode_that_no_longer_fits_ends_and_the_others_go_on(shop, mode, odd):
    shop.provider.odd_replies = [odd]
    played = shop.play(shop.buyer(mode=mode, concurrency=1))
    assert [one.record.status for one in played] == ["context_exhausted"] + ["complete"] * 5
    assert played[0].record.actions == [-1] * 6
    assert played[0].record.parse_status == ["none"] * 6


@pytest.mark.parametrize("interaction", ["dialogue", "summary"])
def test_of_an_episode_that_no_longer_fits_all_stays_that_was_said(shop, stage_process, interaction):
    shop.provider.odd_replies = ["", "", "too-long", "too-long"]
    process = rollout(shop, stage_process, task={"interaction": interaction}, concurrency=1)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    rows = read_table(shop.folder / "cell/trajectories.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["context_exhausted"] * 2 + ["complete"] * 14
    said = [[message["role"] for chat in chats(row["messages"]) for message in chat] for row in rows[:2]]
    assert said == [["user", "assistant"] * 2, []]
    steps = [row["parse_status"].index("none") for row in rows[:2]]
    assert steps in ([2, 0], [1, 0])  # the second reply may be to being asked again


def test_reasoning_models_are_told_what_they_take(shop):
    served = {"length": "max_completion_tokens", "temperature": False, "seed": False}
    played = shop.play(shop.buyer("reasoner", served), horizon=2)
    assert all(one.record.status == "complete" for one in played)


def test_a_parameter_that_the_model_refuses_is_one_clear_line(shop):
    with pytest.raises(ValueError, match=r"400 Unsupported parameter; mend the model's entry"):
        shop.play(shop.buyer("reasoner"))


@pytest.mark.parametrize("mode", MODES)
def test_the_limit_stops_it_cleanly_and_raising_it_goes_on(shop, mode):
    with pytest.raises(ValueError, match=r"max_usd: of 0.0001 dollars .* are left, and .* may cost"):
        shop.play(shop.buyer(mode=mode, max_usd=0.0001))
    paid = dict(shop.provider.replies)
    prices = {"live": 1.0, "batch": 0.5}[mode] / 1e6
    spent = prices * (0.15 * shop.provider.tokens["prompt"] + 0.6 * shop.provider.tokens["sampled"])
    assert 0 < spent <= 0.0001
    assert json.loads((shop.account / "spent/cell.json").read_text())["usd"] == pytest.approx(spent)
    played = shop.play(shop.buyer(mode=mode))
    assert all(one.record.status == "complete" for one in played)
    assert set(shop.provider.replies.values()) == {1}
    assert set(paid) < set(shop.provider.replies)


@pytest.mark.parametrize("key", ["", "sk with blank", "sk-line\nbreak"])
def test_without_a_key_nothing_is_sent(shop, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ValueError, match="OPENAI_API_KEY") as raised:
        shop.play(shop.buyer())
    assert not key or key not in str(raised.value)
    assert shop.provider.calls == []
