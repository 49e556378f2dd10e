"""Episodes in summary interaction: each step is a conversation of its own."""

from collections.abc import Callable

import numpy as np
from scripted_play import contents, draw, every_other, run, text_of

from rmft.core.tasks import Episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory, realised_means
from rmft.models.crowd import World

SUMMARY = {"interaction": "summary"}


def stated(small: World, record: Trajectory, rewards: np.ndarray) -> list[str]:
    """What the summaries must say, step by step, from the actions alone. rewards: T x K, as they were paid."""
    task, weighted, said = small.task, small.task.shown == "importance_weighted", []
    for t in range(task.horizon):
        pulls, averages = [record.actions[:t].count(arm) for arm in range(3)], []
        for arm in range(3):
            steps = [s for s in range(t) if task.environment == "fol" or record.actions[s] == arm]
            shown = [rewards[s, arm] / (record.policies[s][arm] if weighted else 1) for s in steps]
            averages.append(sum(shown) / len(shown) if shown else float("nan"))
        said.append(small.context.summary(t + 1, task.horizon, pulls, averages))
    return said


def test_each_step_is_a_conversation_of_its_own_about_what_was_seen_so_far(
    world: Callable[..., World], kind: dict
) -> None:
    small = world(**kind | SUMMARY)
    episodes = draw(small)
    records, engine = run(small, episodes, lambda name, n: every_other(small, name, n + 1))
    assert len(engine.rounds) == 6
    for (name, record), drawn in zip(records.items(), episodes.rewards, strict=True):
        rewards = realised_means(drawn[None], np.array([record.actions]), episodes.reaction)[0]
        told = stated(small, record, rewards)
        assert contents(record) == told
        assert engine.prompts[name] == [f"<{text}>" for text in told]  # nothing of the step before is in sight
        assert contents(record, "assistant") == [every_other(small, name, t + 1) for t in range(6)]
        assert record.chat_tokens == [
            len(f"<{asked}>{said}$") for asked, said in zip(told, contents(record, "assistant"), strict=True)
        ]


def test_a_summary_by_hand(world: Callable[..., World]) -> None:
    small = world(environment="fol", **SUMMARY)
    episodes = draw(small)
    episodes.rewards[0] = [[1.0, 0.0, 0.5], [0.0, 0.0, 0.5]] * 3
    records, _ = run(small, episodes, lambda name, n: "Answer: B" if n else "Answer: A")
    first, *_, last = contents(records[episodes.trajectory_ids[0]])
    assert first.splitlines()[1:] == [
        "A: not tried",
        "B: not tried",
        "C: not tried",
        "Press 1 of 6.",
        "Which button now?",
    ]
    assert last.splitlines()[1:] == [
        "A: pressed 1x, average 0.60",
        "B: pressed 4x, average 0.00",
        "C: pressed 0x, average 0.50",
        "Press 6 of 6.",
        "Which button now?",
    ]


def test_asking_again_stays_in_the_conversation_of_the_step(world: Callable[..., World], episodes: Episodes) -> None:
    small, slow = world(**SUMMARY), episodes.trajectory_ids[3]
    records, engine = run(small, episodes, lambda name, n: "Hm." if name == slow and n == 2 else "Answer: B")
    assert [len(names) for names in engine.rounds] == [24] * 6 + [1]
    record, asked = records[slow], engine.prompts[slow]
    assert record.parse_status == ["ok", "ok", "reask", "ok", "ok", "ok"]
    assert [len(chat) for chat in record.chats] == [2, 2, 4, 2, 2, 2]
    again = "Not understood. End with one line like this: Answer: A"
    assert [message["content"] for message in record.chats[2]][1:] == ["Hm.", again, "Answer: B"]
    assert asked[3] == f"{asked[2]}Hm.$\n<{again}>"  # the session, begun anew, is told the step's whole conversation
    assert "Hm." not in asked[4]
    assert "Press 4 of 6." in asked[4]
    assert record.chat_tokens[2] == len(f"{asked[3]}Answer: B$")
    assert text_of(record.token_ids) == "".join(f"{asked[n]}Answer: B$" for n in (0, 1, 3, 4, 5, 6))


def test_a_summary_that_does_not_fit_ends_the_episode_and_was_never_sent(
    world: Callable[..., World], episodes: Episodes
) -> None:
    def says(name: str, n: int) -> str:  # who tries every arm is told more
        return f"Answer: {'ABC'[n % 3] if name.endswith('-1') else 'A'}"

    small = world(**SUMMARY)
    whole, engine = run(small, episodes, says)
    lengths = {name: [len(prompt) for prompt in prompts] for name, prompts in engine.prompts.items()}
    room = int(np.median([max(own) for own in lengths.values()])) - 1
    records, _ = run(small, episodes, says, room=room)
    assert {record.status for record in records.values()} == {COMPLETE, CONTEXT_EXHAUSTED}
    for name, record in records.items():
        played = next((t for t, length in enumerate(lengths[name]) if length > room), 6)
        assert record.status == (COMPLETE if played == 6 else CONTEXT_EXHAUSTED)
        assert record.chats == whole[name].chats[:played]
        assert record.chat_tokens == whole[name].chat_tokens[:played]
        assert record.token_ids == whole[name].token_ids[: sum(record.chat_tokens)]
        assert len(record.loss_mask) == len(record.token_ids)
        assert record.actions == whole[name].actions[:played] + [-1] * (6 - played)
        assert record.parse_status == ["ok"] * played + ["none"] * (6 - played)


def test_asking_again_may_not_fit_in_a_summary(world: Callable[..., World], episodes: Episodes) -> None:
    """What was said of the step stays in the record; the question that was never sent does not."""
    small, mute = world(**SUMMARY), episodes.trajectory_ids[5]
    records, engine = run(small, episodes, lambda name, n: "z" * 400 * (name == mute) + "Answer: A" * (n < 2), room=500)
    others = [record for name, record in records.items() if name != mute]
    record = records[mute]
    assert record.status == CONTEXT_EXHAUSTED
    assert record.actions == [-1] * 6
    assert [[message["role"] for message in chat] for chat in record.chats] == [["user", "assistant"]]
    assert record.chat_tokens == [len(record.token_ids)] == [len(f"{engine.prompts[mute][0]}{'z' * 400}Answer: A$")]
    assert all(record.status == COMPLETE for record in others)
