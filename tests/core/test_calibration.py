"""The baselines against published and derived numbers: hard Bernoulli instance, K=5, gap .2, T=100."""

import numpy as np
import pytest

from rmft.core.metrics import greedy_frac, median_reward, min_frac, suff_fail
from rmft.core.policies import Played, play
from rmft.core.regret import pseudo_regret_curve
from rmft.core.tasks import Episodes, Task, draw_episodes

EPISODES, DERIVED_EPISODES = 6_000, 20_000
THOMPSON, GREEDY = {"policy": "thompson_bernoulli"}, {"policy": "greedy"}
UCB = {"policy": "ucb", "constant": 1.0, "growth": "none"}


@pytest.fixture(scope="module")
def episodes(hard: Task) -> Episodes:
    where = {"split": "calibration", "seed": 0, "iteration": 0, "policy": "baseline"}
    return draw_episodes(hard, **where, scenarios=range(EPISODES), per_scenario=1)


def row(did: Played, episodes: Episodes) -> list[float]:
    """MedianReward, SuffFailFreq(T/2), K*MinFrac, GreedyFrac."""
    best = episodes.mean_rewards[:, 0].argmax(axis=1)
    return [
        median_reward(did.rewards.mean(axis=1), 0.2),
        suff_fail(did.actions, best, 50).mean(),
        min_frac(did.actions, 5, 100).mean(),
        greedy_frac(did.actions, did.rewards, 5).mean(),
    ]


@pytest.mark.parametrize(
    ("entry", "published"),
    [(THOMPSON, [0.47, 0.01, 0.28, 0.62]), (UCB, [0.55, 0.02, 0.18, 0.76]), (GREEDY, [None, 0.48, 0.05, 1.00])],
    ids=["thompson", "ucb", "greedy"],
)
def test_rows_of_the_published_table(
    entry: dict, published: list[float | None], hard: Task, episodes: Episodes
) -> None:
    ours = row(play(entry, hard, episodes), episodes)
    assert [o for o, p in zip(ours, published, strict=True) if p is not None] == pytest.approx(
        [p for p in published if p is not None], abs=0.03
    )


@pytest.mark.parametrize(
    ("entry", "derived"),
    [
        ({"policy": "random"}, 16.00),
        ({"policy": "ucb", "constant": 0.5, "growth": "log"}, 11.20),
        ({"policy": "ucb", "constant": 2.0, "growth": "log"}, 13.72),
        (THOMPSON, 11.24),
        ({"policy": "exp3", "gamma": 0.216}, 14.80),
        (GREEDY, 10.86),
    ],
    ids=["random", "ucb-half-log", "ucb1", "thompson", "exp3", "greedy"],
)
def test_pseudo_regrets(entry: dict, derived: float, hard: Task, episodes: Episodes) -> None:
    found = pseudo_regret_curve(play(entry, hard, episodes).actions, episodes.mean_rewards)[:, -1]
    theirs = 0 if entry["policy"] == "random" else 1 / DERIVED_EPISODES
    assert abs(found.mean() - derived) < 2 * found.std() * np.sqrt(1 / EPISODES + theirs)
