"""What a crowd says is what its players did and were shown."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from crowd_averages import averages_before
from drawn import draw

from rmft.core.seeding import generator
from rmft.models.crowd import REASONS, Crowd, Moves, World, conversations, simulate

T = 20
BEST = REASONS.index("best")


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d\d", text)]


def check_replies(world: World, moves: Moves, row: int, said: list[str]) -> None:
    """Every reply is read back as what was done, and states the average that was known."""
    assert len(said) == T
    for t, text in enumerate(said):
        reading = world.context.read(text)
        if world.task.output == "action":
            assert (reading.action, reading.policy) == (moves.action[row, t], None)
        else:
            assert reading.policy == pytest.approx(moves.shares[row, t])
            assert not reading.renormalised
        sentence = text.splitlines()[0]
        stated = [moves.average[row, t]] if moves.reason[row, t] == BEST else []
        assert numbers(sentence) == pytest.approx(stated, abs=0.00501)
        assert world.context.arm_names[moves.named[row, t]] in sentence


def check_shown(world: World, moves: Moves, row: int, t: int, text: str) -> None:
    """What is told of step t: the arm, and what it, or every arm, paid."""
    action, paid = moves.action[row, t], moves.rewards[row, t]
    assert re.search(rf"\b{world.context.arm_names[action]}\b", text)
    if world.task.environment != "fol":
        paid = paid[[action]] / (moves.shares[row, t, action] if world.task.shown == "importance_weighted" else 1)
    assert numbers(text) == pytest.approx(paid, abs=0.00501)


@pytest.mark.parametrize("context", ["buttons", "online-advertising"])
def test_dialogues_say_what_was_played(world: Callable[..., World], crowd: Crowd, kind: dict, context: str) -> None:
    small = world(**kind, context=context, horizon=T)
    obeying, episodes = replace(crowd, exploit_share=0.5), draw(small, 60)
    talks = conversations(obeying, small.task, small.context, episodes, rng=generator("said"))
    moves = simulate(obeying, small.task, episodes, rng=generator("said"))
    for row, chats in enumerate(talks):
        (chat,) = chats
        assert [message["role"] for message in chat] == ["user", "assistant"] * T
        told = [message["content"] for message in chat[::2]]
        assert told[0] == small.context.opening(T)
        for t, text in enumerate(told[1:]):
            check_shown(small, moves, row, t, text)
        orders = [t for t, text in enumerate(told) if "From now on" in text]
        assert orders == ([moves.told[row]] if moves.told[row] < T else [])
        check_replies(small, moves, row, [message["content"] for message in chat[1::2]])


def test_summaries_say_what_was_seen(world: Callable[..., World], crowd: Crowd, kind: dict) -> None:
    small = world(**kind, interaction="summary", horizon=T)
    obeying, episodes = replace(crowd, exploit_share=0.5), draw(small, 60)
    talks = conversations(obeying, small.task, small.context, episodes, rng=generator("said"))
    moves = simulate(obeying, small.task, episodes, rng=generator("said"))
    before = averages_before(moves, kind | {"interaction": "summary"})
    for row, chats in enumerate(talks):
        assert [[message["role"] for message in chat] for chat in chats] == [["user", "assistant"]] * T
        for t, (told, _) in enumerate(chats):
            pulls = [moves.action[row, :t].tolist().count(arm) for arm in range(3)]
            asked = small.context.summary(t + 1, T, pulls, before[row, t].tolist())
            asked = small.context.tell_exploit(asked) if t >= moves.told[row] else asked
            assert told["content"] == asked
        check_replies(small, moves, row, [reply["content"] for _, reply in chats])


def test_the_same_stream_gives_the_same_crowd(world: Callable[..., World], crowd: Crowd) -> None:
    small = world(output="distribution")
    episodes = draw(small, 50)
    one, same, other = (
        conversations(crowd, small.task, small.context, episodes, rng=generator(name)) for name in ("a", "a", "b")
    )
    assert one == same != other
