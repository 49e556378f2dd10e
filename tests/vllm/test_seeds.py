"""A seed for each request: nobody's company changes what is said, and nobody draws another's numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rmft.core.tasks import Episodes
from rmft.models.chat import renderer


class InRounds:
    """The engine without its stream: all replies of a round at a time."""

    def __init__(self, engine: object) -> None:
        self.end_id, self.open, self.decode, self.tokenizer = (
            engine.end_id,
            engine.open,
            engine.decode,
            engine.tokenizer,
        )


def rows(episodes: Episodes, order: list[int]) -> Episodes:
    lists = {name: [getattr(episodes, name)[i] for i in order] for name in ("scenario_ids", "trajectory_ids")}
    arrays = {name: getattr(episodes, name)[order] for name in ("mean_rewards", "rewards", "seeds")}
    return replace(episodes, **lists, **arrays)


def test_order_company_and_batch_size_change_nothing(engine, drawn: Callable, played: Callable) -> None:
    episodes, order = drawn(60), np.random.default_rng(0).permutation(60).tolist()
    whole = played(engine, episodes)
    assert played(InRounds(engine), episodes) == whole
    shuffled = dict(zip(order, played(engine, rows(episodes, order)), strict=True))
    assert [shuffled[i] for i in range(60)] == whole
    assert [
        record for i in range(0, 60, 7) for record in played(engine, rows(episodes, list(range(i, min(i + 7, 60)))))
    ] == whole


def test_one_prompt_is_answered_by_many_seeds_differently_and_by_one_the_same(engine, context, task) -> None:
    prompt = renderer(engine.tokenizer).opening(context.opening(task.horizon))
    stream = engine.stream()
    for name in range(64):
        stream.ask(name, prompt, np.uint64(2**64 - 1 - name // 2 * 2))  # two requests to each seed
    replies: dict[int, list[int]] = {}
    while len(replies) < 64:
        replies |= dict(stream.answers())
    assert all(replies[name] == replies[name + 1] for name in range(0, 64, 2))
    said = [tuple(reply) for reply in replies.values()]
    assert max(said.count(reply) for reply in said) < 48  # there are three arms to begin with


def test_shards_play_other_episodes(engine, drawn: Callable, played: Callable) -> None:
    """Two halves of one work, each by an engine that was used for nothing else: no episode is drawn twice."""
    halves = [played(engine, rows(drawn(40), list(part))) for part in (range(20), range(20, 40))]
    said = [[tuple(record.token_ids) for record in half] for half in halves]
    assert not set(said[0]) & set(said[1])
