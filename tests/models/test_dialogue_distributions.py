"""Dialogues in which the model says a distribution over arms and is played from it."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from drawn import rows
from scripted_play import contents, draw, every_other, run

from rmft.models.crowd import World

SHARES = {"output": "distribution"}
WEIGHTED = SHARES | {"shown": "importance_weighted"}
MIXED = "Answer: A 0.20, B 0.50, C 0.30"


def test_distributions_are_recorded_and_actions_drawn_from_them(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small, 300), lambda name, n: MIXED)
    actions = np.array([record.actions for record in records.values()])
    for record in records.values():
        assert np.array(record.policies) == pytest.approx(np.tile([0.2, 0.5, 0.3], (6, 1)))
        assert record.parse_status == ["ok"] * 6
    for step in actions.T:
        shares = np.bincount(step, minlength=3) / 600
        assert np.abs(shares - [0.2, 0.5, 0.3]).max() < 4 * np.sqrt(0.25 / 600)
    again = (actions[:, 1:] == actions[:, :-1]).mean()  # steps are independent
    assert again == pytest.approx(0.04 + 0.25 + 0.09, abs=4 * np.sqrt(0.25 / 3000))


@pytest.mark.parametrize("environment", ["mab", "fol"])
def test_a_sure_arm_is_played_for_sure(world: Callable[..., World], environment: str, interaction: str) -> None:
    small = world(environment=environment, interaction=interaction, **SHARES)
    sure = ["A 1.00, B 0.00, C 0.00", "C 0.00, A 0.00, B 1", "B 0, C 1.0, A 0"]
    records, _ = run(small, draw(small), lambda name, n: f"Answer: {sure[n % 3]}")
    assert all(record.actions == [0, 1, 2] * 2 for record in records.values())


def test_draws_of_actions_are_the_episodes_own(world: Callable[..., World]) -> None:
    """Whatever the company and its order, and however often the episode, or another, had to be asked again."""
    small = world(**SHARES)
    episodes = draw(small)
    whole, _ = run(small, episodes, lambda name, n: MIXED)
    order = np.random.default_rng(0).permutation(24).tolist()[:7]
    part, _ = run(small, rows(episodes, order), lambda name, n: MIXED)
    assert part == {name: whole[name] for name in part}
    hesitant, _ = run(small, episodes, lambda name, n: "Hm." if n % 2 == 0 else MIXED)
    assert [record.actions for record in hesitant.values()] == [record.actions for record in whole.values()]
    assert all(record.parse_status == ["reask"] * 6 for record in hesitant.values())
    assert len({tuple(record.actions) for record in whole.values()}) > 20  # of 24: each has a stream of its own


@pytest.mark.parametrize(
    ("shares", "policy", "status"),
    [
        ("A 0.20, B 0.50, C 0.10", [0.25, 0.625, 0.125], "renormalised"),
        ("A 1, B 1, C 1", [1 / 3] * 3, "renormalised"),
        ("A 0.33, B 0.33, C 0.33", [1 / 3] * 3, "ok"),
        ("A 0.25, B 0.5, C 0.25", [0.25, 0.5, 0.25], "ok"),
        ("C 0.7, A 0.1, B 0.2", [0.1, 0.2, 0.7], "ok"),
        ("A 0.00, B 0.00, C 0.00", [1 / 3] * 3, "fallback"),
        ("A 0.5, B 0.5", [1 / 3] * 3, "fallback"),
    ],
)
def test_shares_that_do_not_sum_to_1_are_divided_and_the_record_says_so(
    world: Callable[..., World], shares: str, policy: list[float], status: str
) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small), lambda name, n: f"Answer: {shares}")
    for record in records.values():
        assert record.parse_status == [status] * 6
        assert np.array(record.policies) == pytest.approx(np.tile(policy, (6, 1)))
        assert np.sum(record.policies, axis=1) == pytest.approx(np.ones(6), abs=1e-12)


def test_shares_that_had_to_be_asked_for_again_are_so_called(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small), lambda name, n: "Answer: A 0.9, B 0.9, C 0.9" if n % 2 else "Hm.")
    assert all(record.parse_status == ["reask"] * 6 for record in records.values())


def test_who_says_no_shares_plays_any_arm(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small, 100), lambda name, n: "Answer: A")
    actions = np.array([record.actions for record in records.values()])
    assert np.bincount(actions.ravel()) / actions.size == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 1200))
    for record in records.values():
        assert record.parse_status == ["fallback"] * 6
        assert record.policies == [[1 / 3] * 3] * 6
        assert contents(record)[1].startswith("Not understood. Give every button its probability once")


def test_weighted_rewards_are_shown_and_plain_ones_recorded(world: Callable[..., World]) -> None:
    small = world(**WEIGHTED)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: every_other(small, name, n))
    moved = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]] * 2)
    for row, record in enumerate(records.values()):
        assert record.rewards == [episodes.rewards[row, t, a] for t, a in enumerate(record.actions)]
        for t, text in enumerate(contents(record)[1:]):
            name, shown = re.fullmatch(r"([ABC]) paid (-?\d+\.\d\d), weighted", text).groups()
            assert name == "ABC"[record.actions[t]]
            assert float(shown) == pytest.approx(record.rewards[t] / moved[t, record.actions[t]], abs=0.00501)
