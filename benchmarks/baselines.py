"""Steps a second of every baseline in every environment, on one core: simulation alone, rewards drawn beforehand."""

import time
from statistics import median

import numpy as np
from measure import Row, number, table

from rmft.core.policies import Oracle, label, policy_from_config, simulate
from rmft.core.rewards import Bernoulli
from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes

ARMS, HORIZON, EPISODES, REPEATS = 5, 100, 2000, 3
BASELINES = (
    {"policy": "random"},
    {"policy": "greedy"},
    {"policy": "eps_greedy", "epsilon": 0.1},
    {"policy": "explore_then_commit", "pulls": 2},
    {"policy": "ucb", "constant": 2.0, "growth": "log"},
    {"policy": "thompson_bernoulli"},
    {"policy": "thompson_gaussian", "noise": 0.5, "prior_mean": 0.5, "prior_sd": 0.25},
    {"policy": "exp3", "gamma": 0.2},
    {"policy": "exp3_s", "gamma": 0.2, "alpha": 0.01},
    {"policy": "sliding_window_ucb", "constant": 0.5, "window": 30},
    {"policy": "discounted_ucb", "constant": 0.5, "discount": 0.95},
    {"policy": "hedge", "eta": 0.36},
    {"policy": "ftrl_l2", "eta": 0.08},
    {"policy": "ftpl", "scale": 7.9},
    {"policy": "follow_the_leader"},
    {"policy": "best_fixed_arm"},
    {"policy": "per_step_oracle"},
)


def drawn(environment: str) -> Episodes:
    """Bernoulli rewards about uniform means, which stand still but for ns-mab, where the arms exchange theirs."""
    seeds = fold(0, np.arange(EPISODES))
    means = uniforms(seeds[:, None], np.arange(ARMS))[:, None]
    if environment == "ns-mab":
        block = np.arange(HORIZON)[:, None] // 20
        means = means[:, 0, (np.arange(ARMS) + block) % ARMS]
    rewards = Bernoulli().draw(np.broadcast_to(means, (EPISODES, HORIZON, ARMS)), seeds=fold(seeds, 1))
    names = [str(episode) for episode in range(EPISODES)]
    return Episodes(names, names, means, rewards, fold(seeds, 2))


def rate(entry: dict, episodes: Episodes, *, full: bool) -> float:
    """Million steps a second, one step of one episode being one; the median of a few turns."""
    turns = []
    for _ in range(REPEATS):
        start, policy = time.perf_counter(), policy_from_config(entry)
        if isinstance(policy, Oracle):
            policy = policy.told(episodes, full=full, reaction=0.0)
        simulate(policy, episodes.rewards, episodes.seeds, full=full)
        turns.append(time.perf_counter() - start)
    return EPISODES * HORIZON / 1e6 / median(turns)


def rows() -> list[Row]:
    """A row for each baseline and environment; the ratio is to a million steps a second."""
    found = []
    for environment in ("mab", "ns-mab", "fol"):
        episodes, full = drawn(environment), environment == "fol"
        rate({"policy": "random"}, episodes, full=full)  # warms the caches
        for entry in BASELINES:
            speed = rate(entry, episodes, full=full)
            what = f"steps a second: {label(entry)}, {environment}; a million"
            found.append(Row(what, f"{number(speed)}M", "1M", speed, "at least 1"))
    return found


if __name__ == "__main__":
    print(table(rows()))
