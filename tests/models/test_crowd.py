import re
from dataclasses import replace

import numpy as np
import pytest

from rmft.core.prompts import Context
from rmft.core.seeding import generator
from rmft.models.crowd import PLAYERS, REASONS, Crowd, dialogues, simulate

N = 2000
UNTRIED, BEST, ANY, STAY = (REASONS.index(reason) for reason in ("untried", "best", "any", "stay"))


@pytest.fixture
def crowd(model_entry: dict) -> Crowd:
    return replace(Crowd(**model_entry["pretraining"]["crowd"]), horizon=20)


def play(crowd: Crowd, **changes: object) -> dict[str, np.ndarray]:
    return simulate(replace(crowd, **changes), N, rng=generator("test crowd"))


def only(player: str) -> dict[str, float]:
    return {name: float(name == player) for name in PLAYERS}


def averages_before(played: dict[str, np.ndarray], arms: int) -> np.ndarray:
    """The average reward of each arm before each step, N x T x K; -inf where untried."""
    pulled = played["action"][:, :, None] == np.arange(arms)
    count = pulled.cumsum(axis=1) - pulled
    total = (pulled * played["reward"][:, :, None]).cumsum(axis=1) - pulled * played["reward"][:, :, None]
    return np.where(count > 0, total / np.maximum(count, 1), -np.inf)


def of_the_action(values: np.ndarray, played: dict[str, np.ndarray]) -> np.ndarray:
    return np.take_along_axis(values, played["action"].astype(int)[:, :, None], axis=2)[:, :, 0]


def test_every_average_that_is_stated_is_right(crowd: Crowd) -> None:
    played = play(crowd)
    before = of_the_action(averages_before(played, crowd.arms), played)
    assert np.allclose(played["average"], np.where(np.isfinite(before), before, 0))


def test_reasons_tell_the_truth(crowd: Crowd) -> None:
    played = play(crowd)
    before = averages_before(played, crowd.arms)
    chosen, best = of_the_action(before, played), before.max(axis=2)
    reason = played["reason"]
    assert np.isneginf(chosen[reason == UNTRIED]).all()
    assert np.allclose(chosen[reason == BEST], best[reason == BEST])
    assert np.isfinite(chosen[reason == BEST]).all()
    stays = (reason == STAY)[:, 1:]
    assert (played["action"][:, 1:] == played["action"][:, :-1])[stays].all()
    assert (reason[:, 0] != STAY).all()
    assert set(np.unique(reason)) == {UNTRIED, BEST, ANY, STAY}


def test_shares_of_players_are_those_of_the_mixture(crowd: Crowd) -> None:
    mixture = {name: 0.0 for name in PLAYERS} | {"random": 3.0, "greedy": 1.0}
    reasons = play(crowd, mixture=mixture, exploit_share=0)["reason"]
    assert (reasons[:, 1:] == ANY).all(axis=1).mean() == pytest.approx(0.75, abs=0.04)
    assert (reasons[:, 1:] == BEST).all(axis=1).mean() == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ("player", "reason", "share"),
    [("random", ANY, 1.0), ("greedy", BEST, 1.0), ("eps_greedy", ANY, 0.2), ("sticky", STAY, 0.8)],
)
def test_a_player_acts_as_it_is_called(crowd: Crowd, player: str, reason: int, share: float) -> None:
    reasons = play(crowd, mixture=only(player), exploit_share=0)["reason"]
    assert (reasons[:, 0] == ANY).all()
    assert (reasons[:, 1:] == reason).mean() == pytest.approx(share, abs=0.01)


def test_every_eps_greedy_player_has_an_epsilon_of_its_own(crowd: Crowd) -> None:
    reasons = play(crowd, mixture=only("eps_greedy"), exploit_share=0)["reason"]
    shares = (reasons[:, 1:] == ANY).mean(axis=1)
    own = 0.4**2 / 12  # variance of U(0, 0.4)
    of_chance = (0.2 * 0.8 - own) / reasons[:, 1:].shape[1]
    assert shares.var() == pytest.approx(own + of_chance, rel=0.1)


def test_explore_then_commit_tries_every_arm_once_and_commits(crowd: Crowd) -> None:
    played = play(crowd, mixture=only("explore_then_commit"), exploit_share=0)
    assert (played["reason"][:, : crowd.arms] == UNTRIED).all()
    assert (np.sort(played["action"][:, : crowd.arms], axis=1) == np.arange(crowd.arms)).all()
    assert (played["reason"][:, crowd.arms :] == BEST).all()


def test_who_is_told_to_exploit_is_greedy_from_then_on(crowd: Crowd) -> None:
    played = play(crowd, mixture=only("random"), exploit_share=0.5)
    told = played["told"] < crowd.horizon
    assert told.mean() == pytest.approx(0.5, abs=0.04)
    assert played["told"][told].min() == crowd.arms
    assert played["told"][told].max() == crowd.horizon - 2
    after = np.arange(crowd.horizon) >= played["told"][:, None]
    best = averages_before(played, crowd.arms).argmax(axis=2)
    assert (played["action"] == best)[after].all()
    assert (played["reason"][after] == BEST).all()
    assert (played["reason"][~after] == ANY).all()


def test_arms_are_worth_what_the_prior_says(crowd: Crowd) -> None:
    played = play(crowd, mixture=only("random"), noise=0.0)
    assert crowd.low <= played["reward"].min() < crowd.low + 0.01
    assert crowd.high - 0.01 < played["reward"].max() <= crowd.high
    assert np.bincount(played["action"].astype(int).ravel()) / played["action"].size == pytest.approx(1 / 3, abs=0.01)


def test_dialogues_say_what_was_played(crowd: Crowd, context: Context) -> None:
    chats = dialogues(replace(crowd, exploit_share=1.0), context, 200, rng=generator("said"))
    played = simulate(replace(crowd, exploit_share=1.0), 200, rng=generator("said"))
    for row, chat in enumerate(chats):
        assert [message["role"] for message in chat] == ["user", "assistant"] * crowd.horizon
        actions = [context.parse(message["content"]) for message in chat[1::2]]
        assert actions == played["action"][row].tolist()
        shown = [float(re.search(r"paid (-?\d+\.\d\d)", message["content"])[1]) for message in chat[2::2]]
        assert shown == pytest.approx(played["reward"][row, :-1], abs=0.00501)
        orders = [t for t, message in enumerate(chat[2::2], start=1) if "From now on" in message["content"]]
        assert orders == [played["told"][row]]
        said = [re.search(r"(-?\d+\.\d\d) on average", message["content"]) for message in chat[1::2]]
        stated = [played["average"][row, t] for t, found in enumerate(said) if found]
        assert [float(found[1]) for found in said if found] == pytest.approx(stated, abs=0.00501)
