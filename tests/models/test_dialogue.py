"""Episodes as dialogues, with an engine that says what the test wants."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scripted_play import MUTE, Says, Scripted, contents, draw, every_other, run, text_of

from rmft.core.tasks import Episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory, realised_means
from rmft.models.crowd import World


@pytest.fixture
def scripted(world: Callable[..., World], episodes: Episodes):
    """Play the small task."""

    def with_it(says: Says, **settings: int) -> tuple[dict[str, Trajectory], Scripted]:
        return run(world(), episodes, says, **settings)

    return with_it


def test_actions_are_played_and_their_rewards_shown(scripted, episodes: Episodes) -> None:
    records, engine = scripted(lambda name, n: f"So.\nAnswer: {'ABC'[n % 3]}")
    assert len(engine.rounds) == 6
    for row, record in enumerate(records.values()):
        assert record.actions == [0, 1, 2, 0, 1, 2]
        assert record.rewards == [episodes.rewards[row, t, t % 3] for t in range(6)]
        assert (record.policies, record.reward_vectors) == ([], [])
        assert record.parse_status == ["ok"] * 6
        assert record.status == COMPLETE
        assert contents(record)[1:] == [
            f"{'ABC'[t % 3]} paid {record.rewards[t]:.2f}".replace("-0.00", "0.00") for t in range(5)
        ]
        assert record.chats[0][-1]["role"] == "assistant"  # the last reward is told to nobody


def test_a_record_is_whole_in_every_mode(world: Callable[..., World], mode: dict) -> None:
    small = world(**mode)
    episodes, task = draw(small), small.task
    records, _ = run(small, episodes, lambda name, n: "Hm." if n % 4 == 1 else every_other(small, name, n))
    vectors = {"fol": 6}.get(task.environment, 0)
    for record, rewards in zip(records.values(), episodes.rewards, strict=True):
        assert len(record.actions) == len(record.rewards) == len(record.parse_status) == 6
        assert len(record.policies) == (6 if task.output == "distribution" else 0)
        assert len(record.reward_vectors) == vectors
        assert len(record.token_ids) == len(record.loss_mask) == sum(record.chat_tokens)
        assert len(record.chats) == len(record.chat_tokens) == (6 if task.interaction == "summary" else 1)
        for chat in record.chats:
            assert [message["role"] for message in chat] == ["user", "assistant"] * (len(chat) // 2)
        said = [letter for letter, own in zip(record.token_ids, record.loss_mask, strict=True) if own]
        assert text_of(said) == "".join(f"{text}$" for text in contents(record, "assistant"))
        paid = realised_means(rewards[None], np.array([record.actions]), episodes.reaction)[0]
        assert record.rewards == [paid[t, action] for t, action in enumerate(record.actions)]


def test_what_is_hidden_is_never_told(world: Callable[..., World], mode: dict) -> None:
    """Other means, and in the bandits other rewards of the arms that were not played: not a letter is different."""
    small = world(**mode)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: every_other(small, name, n))
    played = np.array([record.actions for record in records.values()])[:, :, None] == np.arange(3)
    hidden = np.zeros_like(played) if small.task.environment == "fol" else ~played
    other = replace(
        episodes, mean_rewards=episodes.mean_rewards + 1, rewards=episodes.rewards + np.where(hidden, 7.0, 0.0)
    )
    assert run(small, other, lambda name, n: every_other(small, name, n))[0] == records


def test_who_is_asked_again_lags_alone(scripted, episodes: Episodes) -> None:
    """A request that cannot be read costs its own episode one round and the others none."""
    slow = episodes.trajectory_ids[3]
    records, engine = scripted(lambda name, n: "Hm." if name == slow and n == 2 else "Answer: B")
    assert [len(names) for names in engine.rounds] == [24] * 6 + [1]
    assert engine.rounds[-1] == [slow]
    assert records[slow].parse_status == ["ok", "ok", "reask", "ok", "ok", "ok"]
    assert records[slow].actions == [1] * 6
    said = [message["content"] for message in records[slow].chats[0]]
    assert said[5:8] == ["Hm.", "Not understood. End with one line like this: Answer: A", "Answer: B"]
    others = [record for name, record in records.items() if name != slow]
    assert all(record.parse_status == ["ok"] * 6 and len(record.chats[0]) == 12 for record in others)


@pytest.mark.parametrize("max_reasks", [0, 1, 3])
def test_who_cannot_be_read_plays_a_random_arm_and_the_record_says_so(
    world: Callable[..., World], episodes: Episodes, max_reasks: int, interaction: str
) -> None:
    small = world(interaction=interaction)
    records, engine = run(small, episodes, lambda name, n: "No idea.", max_reasks=max_reasks)
    assert len(engine.rounds) == 6 * (max_reasks + 1)
    assert len(set(engine.seeds)) == len(engine.seeds)  # no draw is used twice
    actions = np.array([record.actions for record in records.values()])
    assert (np.bincount(actions.ravel(), minlength=3) > 24).all()  # of 48 each
    for record in records.values():
        assert record.parse_status == ["fallback"] * 6
        assert record.status == COMPLETE
        assert sum(text.startswith("Not understood") for text in contents(record)) == 6 * max_reasks


def test_a_reply_that_was_cut_off_is_not_read(scripted, episodes: Episodes) -> None:
    slow = episodes.trajectory_ids[0]
    records, _ = scripted(lambda name, n: "Answer: B" + MUTE if name == slow and n == 0 else "Answer: A")
    assert records[slow].parse_status[0] == "reask"
    assert records[slow].actions == [0] * 6
    text = text_of(records[slow].token_ids)
    assert "Answer: B$\n<Not understood" in text  # the end token is written for it ...
    end = text.index("Answer: B$") + len("Answer: B")
    assert records[slow].loss_mask[end - 1 : end + 1] == [1, 0]  # ... and not taken for its own


def test_one_episode_out_of_context_ends_and_the_others_go_on(scripted, episodes: Episodes) -> None:
    wordy = episodes.trajectory_ids[5]
    records, engine = scripted(lambda name, n: "y" * 300 * (name == wordy) + "\nAnswer: A", room=900)
    assert records[wordy].status == CONTEXT_EXHAUSTED
    assert records[wordy].actions == [0, 0, 0, -1, -1, -1]
    assert records[wordy].parse_status == ["ok"] * 3 + ["none"] * 3
    assert records[wordy].rewards[3:] == [0.0] * 3
    assert records[wordy].chats[0][-1]["role"] == "assistant"
    assert len(records[wordy].token_ids) == len(records[wordy].loss_mask) == records[wordy].chat_tokens[0]
    others = [record for name, record in records.items() if name != wordy]
    assert all(record.status == COMPLETE for record in others)
    assert [len(names) for names in engine.rounds] == [24] * 3 + [23] * 3


def test_context_that_ends_while_asking_again_takes_no_action(scripted, episodes: Episodes) -> None:
    mute = episodes.trajectory_ids[5]
    records, _ = scripted(lambda name, n: "z" * 400 if name == mute else "Answer: A", room=500)
    assert records[mute].actions == [-1] * 6
    assert records[mute].parse_status == ["none"] * 6
    assert [message["role"] for message in records[mute].chats[0]] == ["user", "assistant"]


def test_no_room_for_the_first_message_leaves_an_empty_record_of_full_length(
    world: Callable[..., World], mode: dict
) -> None:
    small = world(**mode)
    episodes = draw(small)
    records, engine = run(small, episodes, lambda name, n: "never asked", room=3)
    assert engine.rounds == []
    for record, rewards in zip(records.values(), episodes.rewards, strict=True):
        assert (record.status, record.chats, record.chat_tokens, record.token_ids) == (CONTEXT_EXHAUSTED, [], [], [])
        assert (record.actions, record.rewards, record.parse_status) == ([-1] * 6, [0.0] * 6, ["none"] * 6)
        assert record.reward_vectors == (rewards.tolist() if small.task.environment == "fol" else [])
        assert record.policies == ([[1 / 3] * 3] * 6 if small.task.output == "distribution" else [])
