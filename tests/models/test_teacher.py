"""Baselines in the model's stead: what their dialogues say is what they did, and why is true."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from rmft.core import policies
from rmft.core.contexts import REASONS
from rmft.core.tasks import Episodes, draw_episodes
from rmft.core.trajectory import COMPLETE, Trajectory
from rmft.models import dialogue
from rmft.models.chat import renderer
from rmft.models.crowd import World
from rmft.models.teacher import Teacher, replies

BASELINES = {
    "ucb": {"policy": "ucb", "constant": 1.0, "growth": "none"},
    "thompson": {"policy": "thompson_gaussian", "noise": 0.1, "prior_mean": 0.5, "prior_sd": 0.23},
    "explore_then_commit": {"policy": "explore_then_commit", "pulls": 1},
    "hedge": {"policy": "hedge", "eta": 0.663},
    "random": {"policy": "random"},
    "per_step_oracle": {"policy": "per_step_oracle"},
}


@pytest.fixture(params=BASELINES)
def baseline(request: pytest.FixtureRequest) -> dict:
    return BASELINES[request.param]


@pytest.fixture
def taught(tokenizer: PreTrainedTokenizerBase):
    """Records of a baseline's dialogues."""

    def run(baseline: dict, world: World, episodes: Episodes) -> list[Trajectory]:
        texts = replies(baseline, world.task, world.context, episodes)
        speaks = Teacher(texts, tokenizer)
        return dialogue.play(speaks, renderer(tokenizer), world.context, world.task, episodes, max_reasks=0)

    return run


def draw(world: World, scenarios: int = 20) -> Episodes:
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "teacher"}
    return draw_episodes(world.task, **where, scenarios=range(scenarios), per_scenario=1)


def draws_its_own(world: World, episodes: Episodes) -> bool:
    """Where pi itself is what the baseline says, the dialogue draws the actions."""
    return world.task.output == "distribution" and world.task.environment == "fol" and not episodes.reaction


def test_its_dialogues_are_what_the_baseline_did(
    world: Callable[..., World], taught, mode: dict, baseline: dict
) -> None:
    small = world(**mode)
    episodes = draw(small)
    records, did = taught(baseline, small, episodes), policies.play(baseline, small.task, episodes)
    for record in records:
        assert record.status == COMPLETE
        assert set(record.parse_status) == {"ok"}
    if small.task.environment == "fol":
        assert np.allclose([record.reward_vectors for record in records], did.vectors)
    if draws_its_own(small, episodes):
        assert np.allclose([record.policies for record in records], did.policies, atol=0.01)
        return
    assert np.array([record.actions for record in records]).tolist() == did.actions.tolist()
    assert np.allclose([record.rewards for record in records], did.rewards)
    if small.task.output == "distribution":
        assert np.array([record.policies for record in records]).argmax(axis=2).tolist() == did.actions.tolist()


def reason_of(world: World, text: str) -> tuple[str, int]:
    """The reason that a sentence gives, and the arm that it names."""
    number = r"-?\d+\.\d\d"
    for reason in REASONS:
        pattern = re.escape(world.context.reasons[reason]).replace(r"\{arm\}", "(.*)").replace(r"\{average\}", number)
        if found := re.fullmatch(pattern, text):
            return reason, world.context.arm_names.index(found[1])
    raise AssertionError(text)


def check_reason(world: World, record: Trajectory, t: int, sentence: str) -> str:
    """Against what this very record was shown before step t."""
    full, averages = world.task.environment == "fol", {}
    for arm in range(3):
        seen = [record.reward_vectors[s][arm] for s in range(t)] if full else []
        seen += [record.rewards[s] for s in range(t) if record.actions[s] == arm and not full]
        averages |= {arm: np.mean(seen)} if seen else {}
    reason, arm = reason_of(world, sentence)
    if reason == "untried":
        assert arm not in averages
    elif reason == "best":
        assert averages[arm] == pytest.approx(max(averages.values()))
        assert float(re.search(r"-?\d+\.\d\d", sentence)[0]) == pytest.approx(averages[arm], abs=0.00501)
    else:
        assert reason == "any"
        assert averages[arm] < max(averages.values())
    return reason


def test_the_reasons_are_true(world: Callable[..., World], taught, mode: dict) -> None:
    small, given = world(**mode), set()
    for entry in (BASELINES["ucb"], BASELINES["random"], BASELINES["thompson"]):
        for record in taught(entry, small, draw(small)):
            said = [message["content"] for chat in record.chats for message in chat if message["role"] == "assistant"]
            assert len(said) == 6
            given |= {check_reason(small, record, t, text.splitlines()[0]) for t, text in enumerate(said)}
    assert given == {"untried", "best", "any"}


def test_who_does_not_explain_gives_the_final_line_alone(world: Callable[..., World], taught) -> None:
    small = world(reasoning="none")
    for record in taught(BASELINES["ucb"], small, draw(small)):
        said = [message["content"] for message in record.chats[0][1::2]]
        assert said == [f"Answer: {'ABC'[action]}" for action in record.actions]


def test_what_it_says_is_masked_as_if_the_model_had_sampled_it(
    world: Callable[..., World], taught, tokenizer: PreTrainedTokenizerBase, interaction: str
) -> None:
    small = world(interaction=interaction)
    for record in taught(BASELINES["ucb"], small, draw(small)):
        own = [token for token, said in zip(record.token_ids, record.loss_mask, strict=True) if said]
        said = [message["content"] for chat in record.chats for message in chat if message["role"] == "assistant"]
        assert tokenizer.decode(own) == "".join(f"{text}<|end|>" for text in said)
        texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in record.chats]
        assert tokenizer.decode(record.token_ids) == "".join(texts)
        assert len(record.chats) == (6 if interaction == "summary" else 1)


def test_each_conversation_hears_its_own_next_reply(tokenizer: PreTrainedTokenizerBase) -> None:
    teacher = Teacher([["A", "A 1"], ["B", "B 1", "B 2"], ["C"]], tokenizer)
    session, seeds = teacher.open(3), np.zeros(3, np.uint64)
    first = session.reply([[1], [2], [3]], seeds)
    assert all(ids[-1] == teacher.end_id for ids in first)
    assert [teacher.decode(ids) for ids in first] == ["A", "B", "C"]
    session.keep([1, 0])
    assert [teacher.decode(ids) for ids in teacher.open(2).reply([[], []], seeds)] == ["B 1", "A 1"]
    session.keep([0])
    assert [teacher.decode(ids) for ids in session.reply([[]], seeds)] == ["B 2"]
    assert session.fits(0, 10**9)
