"""How often another chunk size flips a sampled token: the same episodes in one batch, and in batches of 64."""

from itertools import zip_longest

from laptop_model import CONFIG, dialogues, engine
from measure import Row, number, table

from rmft.core.trajectory import Trajectory

EPISODES, SMALL = 2048, 64
HORIZON = CONFIG["tasks"]["mab-gaussian"]["horizon"]


def differing(a: Trajectory, b: Trajectory) -> int:
    """Tokens of the longer dialogue that the other has not in the same place."""
    return sum(x != y for x, y in zip_longest(a.token_ids, b.token_ids))


def rows() -> list[Row]:
    """Shares of episodes and of tokens that differ."""
    player, size = engine(), CONFIG["rollout"]["chunk_episodes"]
    large, small = (
        [record for i in range(0, EPISODES, chunk) for record in dialogues(player, HORIZON, range(i, i + chunk))]
        for chunk in (size, SMALL)
    )
    flips = [differing(a, b) for a, b in zip(large, small, strict=True)]
    sampled, all_tokens = sum(sum(record.loss_mask) for record in large), sum(len(record.token_ids) for record in large)
    episodes = sum(flip > 0 for flip in flips)
    what = f"chunks of {size} and of {SMALL}, T={HORIZON}: episodes that differ, and tokens that differ"
    note = f"{episodes} of {EPISODES:,} episodes, each from its first flipped token on; {sampled:,} tokens were sampled"
    return [Row(what, f"{number(100 * episodes / EPISODES)}%", f"{number(100 * sum(flips) / all_tokens)}%", note=note)]


if __name__ == "__main__":
    print(table(rows()))
