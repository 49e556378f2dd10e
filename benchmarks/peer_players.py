"""UCB1 episodes as another library plays them; run by that library's own interpreter, prints seconds and mean regret.

    python peer_players.py LIBRARY EPISODES

Each library's policy object alone is timed, in the barest loop, on rewards drawn beforehand: its own runner, where it
has one, is slower. The scoring is one numpy line, the regret.
"""

import json
import math
import sys
import time
from collections.abc import Callable

import numpy as np

ARMS, HORIZON, LOW, HIGH = 5, 100, 0.4, 0.6


def mabwiser(rewards: np.ndarray, actions: np.ndarray) -> Callable[[], None]:
    """https://github.com/fidelity/mabwiser: mean + sqrt(2 ln t / n); each arm is given once."""
    from mabwiser.mab import MAB, LearningPolicy

    def play() -> None:
        arms = list(range(ARMS))
        for row, drawn in zip(actions, rewards, strict=True):
            bandit = MAB(arms, LearningPolicy.UCB1(alpha=1.0))
            row[:ARMS] = arms
            bandit.fit(arms, [drawn[arm, arm] for arm in arms])
            for step in range(ARMS, HORIZON):
                row[step] = arm = bandit.predict()
                bandit.partial_fit([arm], [drawn[step, arm]])

    return play


def mabby(rewards: np.ndarray, actions: np.ndarray) -> Callable[[], None]:
    """https://github.com/ew2664/mabby: mean + alpha sqrt(ln t / n)."""
    from mabby.strategies import UCB1Strategy

    def play() -> None:
        strategy, rng = UCB1Strategy(alpha=math.sqrt(2)), np.random.default_rng(0)
        for row, drawn in zip(actions, rewards, strict=True):
            strategy.prime(ARMS, HORIZON)
            for step in range(HORIZON):
                row[step] = arm = strategy.choose(rng)
                strategy.update(arm, drawn[step, arm])

    return play


def smpybandits(rewards: np.ndarray, actions: np.ndarray) -> Callable[[], None]:
    """https://github.com/SMPyBandits/SMPyBandits: mean + sqrt(2 ln t / n)."""
    from SMPyBandits.Policies import UCB

    def play() -> None:
        policy = UCB(ARMS)
        for row, drawn in zip(actions, rewards, strict=True):
            policy.startGame()
            for step in range(HORIZON):
                row[step] = arm = policy.choice()
                policy.getReward(arm, drawn[step, arm])

    return play


def banditbench(rewards: np.ndarray, actions: np.ndarray) -> Callable[[], None]:
    """https://github.com/allenanie/EVOLvE: mean + sqrt(alpha ln t / n)."""
    from banditbench.agents.classics import UCBAgent
    from banditbench.tasks.mab import BernoulliBandit

    def play() -> None:
        agent = UCBAgent(BernoulliBandit(ARMS, HORIZON, [LOW] * (ARMS - 1) + [HIGH]), alpha=2.0)
        for row, drawn in zip(actions, rewards, strict=True):
            agent.reset()
            for step in range(HORIZON):
                row[step] = arm = agent.act()
                agent.update(arm, drawn[step, arm], {})

    return play


PLAYERS = {player.__name__: player for player in (mabwiser, mabby, smpybandits, banditbench)}


def main() -> None:
    """Play, score, print."""
    library, episodes = sys.argv[1], int(sys.argv[2])
    rng = np.random.default_rng(0)
    best = rng.integers(ARMS, size=episodes)
    means = np.where(np.arange(ARMS) == best[:, None], HIGH, LOW)
    rewards = (rng.random((episodes, HORIZON, ARMS)) < means[:, None]).astype(float)
    actions = np.zeros((episodes, HORIZON), int)
    play = PLAYERS[library](rewards, actions)
    start = time.perf_counter()
    play()
    regret = (HIGH - np.take_along_axis(means, actions, axis=1)).sum(axis=1).mean()
    print(json.dumps({"seconds": time.perf_counter() - start, "regret": float(regret)}))


if __name__ == "__main__":
    main()
