"""Episodes as dialogues, with an engine that says what the test wants."""

from collections.abc import Callable

import numpy as np
import pytest

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory
from rmft.models.chat import Renderer
from rmft.models.dialogue import play

END = 0
MUTE = "no end token"
Says = Callable[[str, int], str]  # what an episode says to its n-th request


class Letters:
    """A tokenizer of one token a letter; the end token is written as $."""

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [END if letter == "$" else ord(letter) for letter in text]}


class Scripted:
    """An engine and its session at once: it knows an episode by its seed and logs what it is asked."""

    end_id = END

    def __init__(self, names: dict[int, str], says: Says, room: int = 10_000) -> None:
        self.names, self.says, self.room = names, says, room
        self.rounds: list[list[str]] = []
        self.seeds: list[int] = []

    def open(self, conversations: int) -> "Scripted":
        self.rows = [{"used": 0, "asked": 0, "name": name} for name in self.names.values()]
        assert len(self.rows) == conversations
        return self

    def fits(self, row: int, new: int) -> bool:
        return self.rows[row]["used"] + new <= self.room

    def keep(self, rows: list[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        assert len(new_ids) == len(self.rows) == len(seeds)
        self.rounds.append([row["name"] for row in self.rows])
        self.seeds += seeds.tolist()
        return [self._answer(row, new) for row, new in zip(self.rows, new_ids, strict=True)]

    def _answer(self, row: dict, new: list[int]) -> list[int]:
        text = self.says(row["name"], row["asked"])
        ids = [ord(letter) for letter in text.removesuffix(MUTE)] + [END] * (not text.endswith(MUTE))
        row["asked"] += 1
        row["used"] += len(new) + len(ids)
        return ids

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(letter) for letter in ids if letter != END)


RENDER = Renderer(Letters(), begin="<", turn=">", bridge="$\n<", end="$")


@pytest.fixture
def scripted(context: Context, task: Task, episodes: Episodes):
    def run(says: Says, *, max_reasks: int = 1, **room: int) -> tuple[dict[str, Trajectory], Scripted]:
        names = dict(zip(episodes.seeds.tolist(), episodes.trajectory_ids, strict=True))
        engine = Scripted(names, says, **room)
        records = play(engine, RENDER, context, task, episodes, max_reasks=max_reasks)
        return dict(zip(episodes.trajectory_ids, records, strict=True)), engine

    return run


def test_actions_are_played_and_their_rewards_shown(scripted, episodes: Episodes) -> None:
    records, engine = scripted(lambda name, n: f"So.\nAnswer: {'ABC'[n % 3]}")
    assert len(engine.rounds) == 6
    for row, record in enumerate(records.values()):
        assert record.actions == [0, 1, 2, 0, 1, 2]
        assert record.rewards == [episodes.rewards[row, t, t % 3] for t in range(6)]
        assert record.parse_status == ["ok"] * 6
        assert record.status == COMPLETE
        told = [message["content"] for message in record.messages[2::2]]
        assert told == [f"{'ABC'[t % 3]} paid {record.rewards[t]:.2f}".replace("-0.00", "0.00") for t in range(5)]
        assert record.messages[-1]["role"] == "assistant"  # the last reward is told to nobody


def test_hidden_numbers_are_never_told(scripted, episodes: Episodes) -> None:
    records, _ = scripted(lambda name, n: "Answer: A")
    for row, record in enumerate(records.values()):
        told = " ".join(message["content"] for message in record.messages)
        assert not any(f"{mean:.4f}" in told for mean in episodes.mean_rewards[row].ravel())
        assert [message["content"] for message in record.messages if "B paid" in message["content"]] == []


def test_who_is_asked_again_lags_alone(scripted, episodes: Episodes) -> None:
    """A request that cannot be read costs its own episode one round and the others none."""
    slow = episodes.trajectory_ids[3]
    records, engine = scripted(lambda name, n: "Hm." if name == slow and n == 2 else "Answer: B")
    assert [len(names) for names in engine.rounds] == [24] * 6 + [1]
    assert engine.rounds[-1] == [slow]
    assert records[slow].parse_status == ["ok", "ok", "reask", "ok", "ok", "ok"]
    assert records[slow].actions == [1] * 6
    contents = [message["content"] for message in records[slow].messages]
    assert contents[5:8] == ["Hm.", "Not understood. End with one line like this: Answer: A", "Answer: B"]
    others = [record for name, record in records.items() if name != slow]
    assert all(record.parse_status == ["ok"] * 6 and len(record.messages) == 12 for record in others)


@pytest.mark.parametrize("max_reasks", [0, 1, 3])
def test_who_cannot_be_read_plays_a_random_arm_and_the_record_says_so(scripted, max_reasks: int) -> None:
    records, engine = scripted(lambda name, n: "No idea.", max_reasks=max_reasks)
    assert len(engine.rounds) == 6 * (max_reasks + 1)
    assert len(set(engine.seeds)) == len(engine.seeds)  # no draw is used twice
    actions = np.array([record.actions for record in records.values()])
    assert (np.bincount(actions.ravel(), minlength=3) > 24).all()  # of 48 each
    for record in records.values():
        assert record.parse_status == ["fallback"] * 6
        assert record.status == COMPLETE
        asked_again = [m for m in record.messages if m["content"].startswith("Not understood")]
        assert len(asked_again) == 6 * max_reasks


def test_a_reply_that_was_cut_off_is_not_read(scripted, episodes: Episodes) -> None:
    slow = episodes.trajectory_ids[0]
    records, _ = scripted(lambda name, n: "Answer: B" + MUTE if name == slow and n == 0 else "Answer: A")
    assert records[slow].parse_status[0] == "reask"
    assert records[slow].actions == [0] * 6
    text = "".join("$" if letter == END else chr(letter) for letter in records[slow].token_ids)
    assert "Answer: B$\n<Not understood" in text  # the end token is written for it ...
    end = text.index("Answer: B$") + len("Answer: B")
    assert records[slow].loss_mask[end - 1 : end + 1] == [1, 0]  # ... and not taken for its own


def test_masks_and_tokens_tell_who_said_what(scripted) -> None:
    records, _ = scripted(lambda name, n: "x\nAnswer: C")
    for record in records.values():
        assert sum(record.loss_mask) == 6 * len("x\nAnswer: C$")
        said = "".join(chr(i) for i, own in zip(record.token_ids, record.loss_mask, strict=True) if own and i != END)
        assert said == "x\nAnswer: C" * 6


def test_one_episode_out_of_context_ends_and_the_others_go_on(scripted, episodes: Episodes) -> None:
    wordy = episodes.trajectory_ids[5]
    records, engine = scripted(lambda name, n: "y" * 300 * (name == wordy) + "\nAnswer: A", room=900)
    assert records[wordy].status == CONTEXT_EXHAUSTED
    assert records[wordy].actions == [0, 0, 0, -1, -1, -1]
    assert records[wordy].parse_status == ["ok"] * 3 + ["none"] * 3
    assert records[wordy].rewards[3:] == [0.0] * 3
    assert records[wordy].messages[-1]["role"] == "assistant"
    assert len(records[wordy].token_ids) == len(records[wordy].loss_mask)
    others = [record for name, record in records.items() if name != wordy]
    assert all(record.status == COMPLETE for record in others)
    assert [len(names) for names in engine.rounds] == [24] * 3 + [23] * 3


def test_context_that_ends_while_asking_again_takes_no_action(scripted, episodes: Episodes) -> None:
    mute = episodes.trajectory_ids[5]
    records, _ = scripted(lambda name, n: "z" * 400 if name == mute else "Answer: A", room=500)
    assert records[mute].actions == [-1] * 6
    assert records[mute].parse_status == ["none"] * 6
    assert [message["role"] for message in records[mute].messages] == ["user", "assistant"]
