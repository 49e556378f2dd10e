from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from crowd_averages import averages_before, of
from drawn import draw

from rmft.core.seeding import generator
from rmft.core.trajectory import realised_means
from rmft.models.crowd import PLAYERS, REASONS, Crowd, Moves, World, simulate

N, T = 1500, 20
UNTRIED, BEST, ANY, STAY = (REASONS.index(reason) for reason in ("untried", "best", "any", "stay"))
FOL = {"environment": "fol"}
MOVING = {"environment": "ns-mab", "drift": {"kind": "random_walk", "step": 0.2, "low": 0.0, "high": 1.0}}


@pytest.fixture(scope="module")
def play(world: Callable[..., World], crowd: Crowd):
    """Moves of a crowd, with changes of it, on the small task of 20 steps, with changes of it."""

    def with_it(changes: dict | None = None, **crowded: object) -> Moves:
        small = world(**{"horizon": T} | (changes or {}))
        return simulate(replace(crowd, **crowded), small.task, draw(small, N), rng=generator("test crowd"))

    return with_it


def only(player: str) -> dict[str, float]:
    return {name: float(name == player) for name in PLAYERS}


# What they know and say


def test_every_average_that_is_stated_is_right(play, mode: dict) -> None:
    forgets = mode.get("environment") == "ns-mab" and mode["interaction"] == "dialogue"
    moves = play(mode, keep=(0.7, 0.7))
    before = averages_before(moves, mode, 0.7 if forgets else 1.0)
    assert np.allclose(moves.averages, before)
    assert np.isneginf(moves.averages[:, 0]).all()
    known = of(moves.named, before)
    assert np.allclose(moves.average, np.where(np.isfinite(known), known, 0))


def test_where_rewards_drift_every_player_forgets_at_a_rate_of_its_own(play) -> None:
    """Solved for from its first arm played twice in a row: the average is (keep r_1 + r_2) / (keep + 1)."""
    moves = play(MOVING, keep=(0.5, 1.0))
    played = moves.action[:, :, None] == np.arange(3)
    first = played & (played.cumsum(axis=1) == 1)
    twice = (first[:, :-2] & played[:, 1:-1]).reshape(N, -1)
    found = np.flatnonzero(twice.any(axis=1))
    t, arm = np.divmod(twice[found].argmax(axis=1), 3)
    r1, r2, average = moves.rewards[found, t, arm], moves.rewards[found, t + 1, arm], moves.averages[found, t + 2, arm]
    apart = np.abs(r1 - r2) > 0.05
    found, keep = found[apart], ((r2 - average) / (average - r1))[apart]
    assert len(keep) > 500
    assert 0.5 <= keep.min() < 0.52
    assert 0.98 < keep.max() <= 1.0
    assert keep.mean() == pytest.approx(0.75, abs=4 * 0.5 / np.sqrt(12 * len(keep)))
    mine = replace(moves, **{name: getattr(moves, name)[found] for name in ("action", "rewards", "shares")})
    assert np.allclose(averages_before(mine, MOVING, keep), moves.averages[found], atol=1e-6)


def test_the_arms_that_were_played_are_counted(play, mode: dict) -> None:
    moves = play(mode)
    played = (moves.action[:, :, None] == np.arange(3)).astype(int)
    assert (moves.pulls == played.cumsum(axis=1) - played).all()


def test_reasons_tell_the_truth(play, mode: dict) -> None:
    moves = play(mode)
    named, reason = of(moves.named, moves.averages), moves.reason
    assert np.isneginf(named[reason == UNTRIED]).all()
    assert (named == moves.averages.max(axis=2))[reason == BEST].all()
    assert np.isfinite(named[reason == BEST]).all()
    assert (moves.named[:, 1:] == moves.action[:, :-1])[reason[:, 1:] == STAY].all()
    assert set(np.unique(reason[:, 0])) == {UNTRIED, ANY}
    assert set(np.unique(reason[:, 1:])) >= {BEST, ANY, STAY}
    if mode.get("output") != "distribution":
        assert (moves.named == moves.action).all()
    assert (of(moves.named, moves.shares) > moves.shares.max(axis=2) - 0.011).all()  # of arms alike, one is rounded up


def test_where_everything_is_shown_nothing_is_untried_after_the_first_step(play) -> None:
    for task in (FOL, FOL | {"interaction": "summary"}, FOL | {"output": "distribution"}):
        moves = play(task, mixture=only("explore_then_commit"), exploit_share=0)
        assert (moves.reason[:, 0] == UNTRIED).all()
        assert (moves.reason[:, 1:] == BEST).all()
        assert np.isfinite(moves.averages[:, 1:]).all()
        assert (moves.action == moves.averages.argmax(axis=2))[:, 1:].all()


def test_where_the_arm_played_last_pays_less_it_does(play) -> None:
    for task in ({"environment": "ns-mab"}, FOL, FOL | {"output": "distribution"}):
        adaptive = task | {"drift": {"kind": "adaptive", "penalty": 0.25}}
        moves = play(adaptive)
        still = play(task | {"environment": "fol" if task.get("environment") == "fol" else "mab"})
        assert np.allclose(moves.rewards, realised_means(still.rewards, moves.action, 0.25))


# What they do


def test_shares_are_hundredths_with_sum_1(play, mode: dict) -> None:
    for arms in (2, 3, 7):
        shares = play({**mode, "arms": arms}, epsilon=(0.0, 1.0)).shares
        hundredths = np.rint(100 * shares)
        assert (hundredths.sum(axis=2) == 100).all()
        assert (hundredths >= 0).all()
        assert (shares == hundredths / 100).all()


def test_players_do_what_their_shares_say(play) -> None:
    """Of the steps at which an arm has a share of p, it is played in a part of p."""
    moves = play({"output": "distribution"}, mixture=only("eps_greedy"), epsilon=(0.0, 1.0))
    assert (of(moves.action, moves.shares) > 0).all()
    played, hundredths = moves.action[:, :, None] == np.arange(3), np.rint(100 * moves.shares).astype(int)
    counts = np.bincount(hundredths.ravel(), minlength=101)
    hits = np.bincount(hundredths.ravel(), weights=played.ravel(), minlength=101)
    often = np.flatnonzero(counts > 200)
    assert len(often) > 50
    p, error = often / 100, np.sqrt(0.25 / counts[often])
    assert (np.abs(hits[often] / counts[often] - p) < 4 * error).all()


SHARES = {
    "random": ({"mixture": only("random")}, [[34, 33, 33]]),
    "greedy": ({"mixture": only("greedy")}, [[100, 0, 0]]),
    "eps_greedy": ({"mixture": only("eps_greedy"), "epsilon": (0.3, 0.3)}, [[80, 10, 10]]),
    "sticky": ({"mixture": only("sticky"), "stay": 0.8}, [[86, 7, 7]]),
    "explore_then_commit": ({"mixture": only("explore_then_commit")}, [[50, 50, 0], [100, 0, 0]]),
}


@pytest.mark.parametrize("player", SHARES)
def test_shares_of_each_player(play, player: str) -> None:
    """After the first step, at which everybody plays any arm."""
    crowded, known = SHARES[player]
    moves = play({"output": "distribution"}, exploit_share=0, **crowded)
    hundredths = np.sort(np.rint(100 * moves.shares).astype(int), axis=2)[:, :, ::-1]
    assert np.unique(hundredths[:, 0], axis=0).tolist() == [[34, 33, 33]]
    assert np.unique(hundredths[:, 1:].reshape(-1, 3), axis=0).tolist() == known


def test_shares_of_players_are_those_of_the_mixture(play) -> None:
    mixture = {name: 0.0 for name in PLAYERS} | {"random": 3.0, "greedy": 1.0}
    reasons = play(mixture=mixture, exploit_share=0).reason
    assert (reasons[:, 1:] == ANY).all(axis=1).mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.1875 / N))
    assert (reasons[:, 1:] == BEST).all(axis=1).mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / N))


@pytest.mark.parametrize("environment", ["mab", "fol"])
@pytest.mark.parametrize(
    ("player", "reason", "share"),
    [("random", ANY, 1.0), ("greedy", BEST, 1.0), ("eps_greedy", ANY, 0.2), ("sticky", STAY, 0.8)],
)
def test_a_player_acts_as_it_is_called(play, player: str, reason: int, share: float, environment: str) -> None:
    reasons = play({"environment": environment}, mixture=only(player), exploit_share=0).reason
    assert (reasons[:, 0] == ANY).all()
    assert (reasons[:, 1:] == reason).mean() == pytest.approx(share, abs=0.015)


def test_every_eps_greedy_player_has_an_epsilon_of_its_own(play) -> None:
    reasons = play(mixture=only("eps_greedy"), exploit_share=0).reason
    shares = (reasons[:, 1:] == ANY).mean(axis=1)
    own = 0.4**2 / 12  # variance of U(0, 0.4)
    of_chance = (0.2 * 0.8 - own) / reasons[:, 1:].shape[1]
    assert shares.var() == pytest.approx(own + of_chance, rel=0.15)


def test_explore_then_commit_tries_every_arm_once_and_commits(play) -> None:
    for output in ("action", "distribution"):
        moves = play({"output": output}, mixture=only("explore_then_commit"), exploit_share=0)
        assert (moves.reason[:, :3] == UNTRIED).all()
        assert (np.sort(moves.action[:, :3], axis=1) == np.arange(3)).all()
        assert (moves.reason[:, 3:] == BEST).all()


def test_who_is_told_to_exploit_does_from_then_on(play, mode: dict) -> None:
    moves = play(mode, mixture=only("random"), exploit_share=0.5)
    told = moves.told < T
    assert told.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(N))
    assert (moves.told[told].min(), moves.told[told].max()) == (3, T - 2)
    after = np.arange(T) >= moves.told[:, None]
    assert (moves.action == moves.averages.argmax(axis=2))[after].all()
    assert (moves.reason[after] == BEST).all()
    assert (moves.reason[~after] == ANY).all()
