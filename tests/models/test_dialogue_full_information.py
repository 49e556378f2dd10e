"""Dialogues in which the rewards of every arm are shown, and those of arms that pay less after they were played."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from scripted_play import contents, draw, run

from rmft.models.crowd import World

ADAPTIVE = {"kind": "adaptive", "penalty": 0.25}


def test_full_information_shows_what_every_arm_paid(world: Callable[..., World]) -> None:
    small = world(environment="fol")
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: "Answer: C" if n % 2 else "Answer: A")
    for row, record in enumerate(records.values()):
        assert record.actions == [0, 2] * 3
        assert record.reward_vectors == episodes.rewards[row].tolist()
        assert record.rewards == [episodes.rewards[row, t, 2 * (t % 2)] for t in range(6)]
        assert record.policies == []
        told = contents(record)
        assert told[0] == small.context.opening(6)
        for t, text in enumerate(told[1:]):
            assert text.startswith(f"Pressed {'AC'[t % 2]}. Paid: A ")
            numbers = [float(number) for number in re.findall(r"-?\d+\.\d\d", text)]
            assert numbers == pytest.approx(episodes.rewards[row, t], abs=0.00501)


@pytest.mark.parametrize("environment", ["fol", "ns-mab"])
def test_the_arm_played_last_pays_less_and_is_shown_so(world: Callable[..., World], environment: str) -> None:
    small = world(environment=environment, drift=ADAPTIVE)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: f"Answer: {'AABCCB'[n]}")
    for drawn, record in zip(episodes.rewards, records.values(), strict=True):
        paid = drawn.copy()
        for t, last in enumerate([0, 0, 1, 2, 2], start=1):
            paid[t, last] -= 0.25
        actions = [0, 0, 1, 2, 2, 1]
        assert record.actions == actions
        assert record.rewards == [paid[t, a] for t, a in enumerate(actions)]
        assert record.reward_vectors == (paid.tolist() if environment == "fol" else [])
        shown = [re.findall(r"-?\d+\.\d\d", text) for text in contents(record)[1:]]
        known = paid[:5] if environment == "fol" else np.array(record.rewards)[:5, None]
        assert np.array(shown, float) == pytest.approx(known, abs=0.00501)


def test_reward_vectors_of_an_episode_that_ended_are_those_of_nobody_acting(world: Callable[..., World]) -> None:
    """The last action still has its effect at the step after it, as it has on the means."""
    small = world(environment="fol", drift=ADAPTIVE)
    episodes = draw(small)
    wordy = episodes.trajectory_ids[5]
    records, _ = run(small, episodes, lambda name, n: "y" * 300 * (name == wordy) + "\nAnswer: A", room=900)
    assert records[wordy].actions == [0, 0, 0, -1, -1, -1]
    paid = episodes.rewards[5] - 0.25 * np.outer([0, 1, 1, 1, 0, 0], [1, 0, 0])
    assert records[wordy].reward_vectors == paid.tolist()
