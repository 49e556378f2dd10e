"""Episodes as dialogues, with an engine that says what the test wants."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rmft.core.tasks import Episodes, draw_episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory, realised_means
from rmft.models.chat import Renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play

END = 0
MUTE = "no end token"
Says = Callable[[str, int], str]  # what an episode says to its n-th request


class Letters:
    """A tokenizer of one token a letter; the end token is written as $."""

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [END if letter == "$" else ord(letter) for letter in text]}


def text_of(ids: list[int]) -> str:
    return "".join("$" if letter == END else chr(letter) for letter in ids)


class Scripted:
    """An engine and its session at once: it knows its rows by the episodes' names and logs what they are asked.

    A session that opens anew goes on with the rows that are left, all of them empty.
    """

    end_id = END

    def __init__(self, names: list[str], says: Says, room: int = 10_000) -> None:
        self.rows = [{"used": 0, "asked": 0, "name": name} for name in names]
        self.says, self.room = says, room
        self.rounds: list[list[str]] = []
        self.prompts: dict[str, list[str]] = {name: [] for name in names}
        self.seeds: list[int] = []

    def open(self, conversations: int) -> "Scripted":
        assert len(self.rows) == conversations
        self.rows = [row | {"used": 0} for row in self.rows]
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
        self.prompts[row["name"]].append(text_of(new))
        text = self.says(row["name"], row["asked"])
        ids = [ord(letter) for letter in text.removesuffix(MUTE)] + [END] * (not text.endswith(MUTE))
        row["asked"] += 1
        row["used"] += len(new) + len(ids)
        return ids

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(letter) for letter in ids if letter != END)


RENDER = Renderer(Letters(), begin="<", turn=">", bridge="$\n<", stops=(END,))
ADAPTIVE = {"kind": "adaptive", "penalty": 0.25}
SHARES = {"output": "distribution"}
WEIGHTED = SHARES | {"shown": "importance_weighted"}
SUMMARY = {"interaction": "summary"}
MIXED = "Answer: A 0.20, B 0.50, C 0.30"


def draw(world: World, scenarios: int = 12) -> Episodes:
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "test"}
    return draw_episodes(world.task, **where, scenarios=range(scenarios), per_scenario=2)


def rows(episodes: Episodes, order: list[int]) -> Episodes:
    """Some of the episodes, in this order."""
    lists = {name: [getattr(episodes, name)[i] for i in order] for name in ("scenario_ids", "trajectory_ids")}
    arrays = {name: getattr(episodes, name)[order] for name in ("mean_rewards", "rewards", "seeds")}
    return replace(episodes, **lists, **arrays)


def run(
    world: World, episodes: Episodes, says: Says, *, max_reasks: int = 1, **room: int
) -> tuple[dict[str, Trajectory], Scripted]:
    engine = Scripted(episodes.trajectory_ids, says, **room)
    records = play(engine, RENDER, world.context, world.task, episodes, max_reasks=max_reasks)
    return dict(zip(episodes.trajectory_ids, records, strict=True)), engine


@pytest.fixture
def scripted(world: Callable[..., World], episodes: Episodes):
    """Play the small task."""

    def with_it(says: Says, **settings: int) -> tuple[dict[str, Trajectory], Scripted]:
        return run(world(), episodes, says, **settings)

    return with_it


def every_other(world: World, name: str, n: int) -> str:
    """Something to say in any mode: the arms in turn, or shares that move from step to step."""
    if world.task.output == "action":
        return world.context.reply("any", n % 3)
    return world.context.reply_shares("any", n % 3, 0.0, [[0.2, 0.5, 0.3], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]][n % 3])


def contents(record: Trajectory, role: str = "user") -> list[str]:
    return [message["content"] for chat in record.chats for message in chat if message["role"] == role]


def test_actions_are_played_and_their_rewards_shown(scripted, episodes: Episodes) -> None:
    records, engine = scripted(lambda name, n: f"So.\nAnswer: {'ABC'[n % 3]}")
    assert len(engine.rounds) == 6
    for row, record in enumerate(records.values()):
        assert record.actions == [0, 1, 2, 0, 1, 2]
        assert record.rewards == [episodes.rewards[row, t, t % 3] for t in range(6)]
        assert (record.policies, record.reward_vectors) == ([], [])
        assert record.parse_status == ["ok"] * 6
        assert record.status == COMPLETE
        assert contents(record)[1:] == [
            f"{'ABC'[t % 3]} paid {record.rewards[t]:.2f}".replace("-0.00", "0.00") for t in range(5)
        ]
        assert record.chats[0][-1]["role"] == "assistant"  # the last reward is told to nobody


def test_a_record_is_whole_in_every_mode(world: Callable[..., World], mode: dict) -> None:
    small = world(**mode)
    episodes, task = draw(small), small.task
    records, _ = run(small, episodes, lambda name, n: "Hm." if n % 4 == 1 else every_other(small, name, n))
    vectors = {"fol": 6}.get(task.environment, 0)
    for record, rewards in zip(records.values(), episodes.rewards, strict=True):
        assert len(record.actions) == len(record.rewards) == len(record.parse_status) == 6
        assert len(record.policies) == (6 if task.output == "distribution" else 0)
        assert len(record.reward_vectors) == vectors
        assert len(record.token_ids) == len(record.loss_mask) == sum(record.chat_tokens)
        assert len(record.chats) == len(record.chat_tokens) == (6 if task.interaction == "summary" else 1)
        for chat in record.chats:
            assert [message["role"] for message in chat] == ["user", "assistant"] * (len(chat) // 2)
        said = [letter for letter, own in zip(record.token_ids, record.loss_mask, strict=True) if own]
        assert text_of(said) == "".join(f"{text}$" for text in contents(record, "assistant"))
        paid = realised_means(rewards[None], np.array([record.actions]), episodes.reaction)[0]
        assert record.rewards == [paid[t, action] for t, action in enumerate(record.actions)]


def test_what_is_hidden_is_never_told(world: Callable[..., World], mode: dict) -> None:
    """Other means, and in the bandits other rewards of the arms that were not played: not a letter is different."""
    small = world(**mode)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: every_other(small, name, n))
    played = np.array([record.actions for record in records.values()])[:, :, None] == np.arange(3)
    hidden = np.zeros_like(played) if small.task.environment == "fol" else ~played
    other = replace(
        episodes, mean_rewards=episodes.mean_rewards + 1, rewards=episodes.rewards + np.where(hidden, 7.0, 0.0)
    )
    assert run(small, other, lambda name, n: every_other(small, name, n))[0] == records


def test_who_is_asked_again_lags_alone(scripted, episodes: Episodes) -> None:
    """A request that cannot be read costs its own episode one round and the others none."""
    slow = episodes.trajectory_ids[3]
    records, engine = scripted(lambda name, n: "Hm." if name == slow and n == 2 else "Answer: B")
    assert [len(names) for names in engine.rounds] == [24] * 6 + [1]
    assert engine.rounds[-1] == [slow]
    assert records[slow].parse_status == ["ok", "ok", "reask", "ok", "ok", "ok"]
    assert records[slow].actions == [1] * 6
    said = [message["content"] for message in records[slow].chats[0]]
    assert said[5:8] == ["Hm.", "Not understood. End with one line like this: Answer: A", "Answer: B"]
    others = [record for name, record in records.items() if name != slow]
    assert all(record.parse_status == ["ok"] * 6 and len(record.chats[0]) == 12 for record in others)


@pytest.mark.parametrize("max_reasks", [0, 1, 3])
def test_who_cannot_be_read_plays_a_random_arm_and_the_record_says_so(
    world: Callable[..., World], episodes: Episodes, max_reasks: int, interaction: str
) -> None:
    small = world(interaction=interaction)
    records, engine = run(small, episodes, lambda name, n: "No idea.", max_reasks=max_reasks)
    assert len(engine.rounds) == 6 * (max_reasks + 1)
    assert len(set(engine.seeds)) == len(engine.seeds)  # no draw is used twice
    actions = np.array([record.actions for record in records.values()])
    assert (np.bincount(actions.ravel(), minlength=3) > 24).all()  # of 48 each
    for record in records.values():
        assert record.parse_status == ["fallback"] * 6
        assert record.status == COMPLETE
        assert sum(text.startswith("Not understood") for text in contents(record)) == 6 * max_reasks


def test_a_reply_that_was_cut_off_is_not_read(scripted, episodes: Episodes) -> None:
    slow = episodes.trajectory_ids[0]
    records, _ = scripted(lambda name, n: "Answer: B" + MUTE if name == slow and n == 0 else "Answer: A")
    assert records[slow].parse_status[0] == "reask"
    assert records[slow].actions == [0] * 6
    text = text_of(records[slow].token_ids)
    assert "Answer: B$\n<Not understood" in text  # the end token is written for it ...
    end = text.index("Answer: B$") + len("Answer: B")
    assert records[slow].loss_mask[end - 1 : end + 1] == [1, 0]  # ... and not taken for its own


def test_one_episode_out_of_context_ends_and_the_others_go_on(scripted, episodes: Episodes) -> None:
    wordy = episodes.trajectory_ids[5]
    records, engine = scripted(lambda name, n: "y" * 300 * (name == wordy) + "\nAnswer: A", room=900)
    assert records[wordy].status == CONTEXT_EXHAUSTED
    assert records[wordy].actions == [0, 0, 0, -1, -1, -1]
    assert records[wordy].parse_status == ["ok"] * 3 + ["none"] * 3
    assert records[wordy].rewards[3:] == [0.0] * 3
    assert records[wordy].chats[0][-1]["role"] == "assistant"
    assert len(records[wordy].token_ids) == len(records[wordy].loss_mask) == records[wordy].chat_tokens[0]
    others = [record for name, record in records.items() if name != wordy]
    assert all(record.status == COMPLETE for record in others)
    assert [len(names) for names in engine.rounds] == [24] * 3 + [23] * 3


def test_context_that_ends_while_asking_again_takes_no_action(scripted, episodes: Episodes) -> None:
    mute = episodes.trajectory_ids[5]
    records, _ = scripted(lambda name, n: "z" * 400 if name == mute else "Answer: A", room=500)
    assert records[mute].actions == [-1] * 6
    assert records[mute].parse_status == ["none"] * 6
    assert [message["role"] for message in records[mute].chats[0]] == ["user", "assistant"]


def test_no_room_for_the_first_message_leaves_an_empty_record_of_full_length(
    world: Callable[..., World], mode: dict
) -> None:
    small = world(**mode)
    episodes = draw(small)
    records, engine = run(small, episodes, lambda name, n: "never asked", room=3)
    assert engine.rounds == []
    for record, rewards in zip(records.values(), episodes.rewards, strict=True):
        assert (record.status, record.chats, record.chat_tokens, record.token_ids) == (CONTEXT_EXHAUSTED, [], [], [])
        assert (record.actions, record.rewards, record.parse_status) == ([-1] * 6, [0.0] * 6, ["none"] * 6)
        assert record.reward_vectors == (rewards.tolist() if small.task.environment == "fol" else [])
        assert record.policies == ([[1 / 3] * 3] * 6 if small.task.output == "distribution" else [])


# Full information


def test_full_information_shows_what_every_arm_paid(world: Callable[..., World]) -> None:
    small = world(environment="fol")
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: "Answer: C" if n % 2 else "Answer: A")
    for row, record in enumerate(records.values()):
        assert record.actions == [0, 2] * 3
        assert record.reward_vectors == episodes.rewards[row].tolist()
        assert record.rewards == [episodes.rewards[row, t, 2 * (t % 2)] for t in range(6)]
        assert record.policies == []
        told = contents(record)
        assert told[0] == small.context.opening(6)
        for t, text in enumerate(told[1:]):
            assert text.startswith(f"Pressed {'AC'[t % 2]}. Paid: A ")
            numbers = [float(number) for number in re.findall(r"-?\d+\.\d\d", text)]
            assert numbers == pytest.approx(episodes.rewards[row, t], abs=0.00501)


@pytest.mark.parametrize("environment", ["fol", "ns-mab"])
def test_the_arm_played_last_pays_less_and_is_shown_so(world: Callable[..., World], environment: str) -> None:
    small = world(environment=environment, drift=ADAPTIVE)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: f"Answer: {'AABCCB'[n]}")
    for drawn, record in zip(episodes.rewards, records.values(), strict=True):
        paid = drawn.copy()
        for t, last in enumerate([0, 0, 1, 2, 2], start=1):
            paid[t, last] -= 0.25
        actions = [0, 0, 1, 2, 2, 1]
        assert record.actions == actions
        assert record.rewards == [paid[t, a] for t, a in enumerate(actions)]
        assert record.reward_vectors == (paid.tolist() if environment == "fol" else [])
        shown = [re.findall(r"-?\d+\.\d\d", text) for text in contents(record)[1:]]
        known = paid[:5] if environment == "fol" else np.array(record.rewards)[:5, None]
        assert np.array(shown, float) == pytest.approx(known, abs=0.00501)


def test_reward_vectors_of_an_episode_that_ended_are_those_of_nobody_acting(world: Callable[..., World]) -> None:
    """The last action still has its effect at the step after it, as it has on the means."""
    small = world(environment="fol", drift=ADAPTIVE)
    episodes = draw(small)
    wordy = episodes.trajectory_ids[5]
    records, _ = run(small, episodes, lambda name, n: "y" * 300 * (name == wordy) + "\nAnswer: A", room=900)
    assert records[wordy].actions == [0, 0, 0, -1, -1, -1]
    paid = episodes.rewards[5] - 0.25 * np.outer([0, 1, 1, 1, 0, 0], [1, 0, 0])
    assert records[wordy].reward_vectors == paid.tolist()


# Distributions


def test_distributions_are_recorded_and_actions_drawn_from_them(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small, 300), lambda name, n: MIXED)
    actions = np.array([record.actions for record in records.values()])
    for record in records.values():
        assert np.array(record.policies) == pytest.approx(np.tile([0.2, 0.5, 0.3], (6, 1)))
        assert record.parse_status == ["ok"] * 6
    for step in actions.T:
        shares = np.bincount(step, minlength=3) / 600
        assert np.abs(shares - [0.2, 0.5, 0.3]).max() < 4 * np.sqrt(0.25 / 600)
    again = (actions[:, 1:] == actions[:, :-1]).mean()  # steps are independent
    assert again == pytest.approx(0.04 + 0.25 + 0.09, abs=4 * np.sqrt(0.25 / 3000))


@pytest.mark.parametrize("environment", ["mab", "fol"])
def test_a_sure_arm_is_played_for_sure(world: Callable[..., World], environment: str, interaction: str) -> None:
    small = world(environment=environment, interaction=interaction, **SHARES)
    sure = ["A 1.00, B 0.00, C 0.00", "C 0.00, A 0.00, B 1", "B 0, C 1.0, A 0"]
    records, _ = run(small, draw(small), lambda name, n: f"Answer: {sure[n % 3]}")
    assert all(record.actions == [0, 1, 2] * 2 for record in records.values())


def test_draws_of_actions_are_the_episodes_own(world: Callable[..., World]) -> None:
    """Whatever the company and its order, and however often the episode, or another, had to be asked again."""
    small = world(**SHARES)
    episodes = draw(small)
    whole, _ = run(small, episodes, lambda name, n: MIXED)
    order = np.random.default_rng(0).permutation(24).tolist()[:7]
    part, _ = run(small, rows(episodes, order), lambda name, n: MIXED)
    assert part == {name: whole[name] for name in part}
    hesitant, _ = run(small, episodes, lambda name, n: "Hm." if n % 2 == 0 else MIXED)
    assert [record.actions for record in hesitant.values()] == [record.actions for record in whole.values()]
    assert all(record.parse_status == ["reask"] * 6 for record in hesitant.values())
    assert len({tuple(record.actions) for record in whole.values()}) > 20  # of 24: each has a stream of its own


@pytest.mark.parametrize(
    ("shares", "policy", "status"),
    [
        ("A 0.20, B 0.50, C 0.10", [0.25, 0.625, 0.125], "renormalised"),
        ("A 1, B 1, C 1", [1 / 3] * 3, "renormalised"),
        ("A 0.33, B 0.33, C 0.33", [1 / 3] * 3, "ok"),
        ("A 0.25, B 0.5, C 0.25", [0.25, 0.5, 0.25], "ok"),
        ("C 0.7, A 0.1, B 0.2", [0.1, 0.2, 0.7], "ok"),
        ("A 0.00, B 0.00, C 0.00", [1 / 3] * 3, "fallback"),
        ("A 0.5, B 0.5", [1 / 3] * 3, "fallback"),
    ],
)
def test_shares_that_do_not_sum_to_1_are_divided_and_the_record_says_so(
    world: Callable[..., World], shares: str, policy: list[float], status: str
) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small), lambda name, n: f"Answer: {shares}")
    for record in records.values():
        assert record.parse_status == [status] * 6
        assert np.array(record.policies) == pytest.approx(np.tile(policy, (6, 1)))
        assert np.sum(record.policies, axis=1) == pytest.approx(np.ones(6), abs=1e-12)


def test_shares_that_had_to_be_asked_for_again_are_so_called(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small), lambda name, n: "Answer: A 0.9, B 0.9, C 0.9" if n % 2 else "Hm.")
    assert all(record.parse_status == ["reask"] * 6 for record in records.values())


def test_who_says_no_shares_plays_any_arm(world: Callable[..., World]) -> None:
    small = world(**SHARES)
    records, _ = run(small, draw(small, 100), lambda name, n: "Answer: A")
    actions = np.array([record.actions for record in records.values()])
    assert np.bincount(actions.ravel()) / actions.size == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 1200))
    for record in records.values():
        assert record.parse_status == ["fallback"] * 6
        assert record.policies == [[1 / 3] * 3] * 6
        assert contents(record)[1].startswith("Not understood. Give every button its probability once")


def test_weighted_rewards_are_shown_and_plain_ones_recorded(world: Callable[..., World]) -> None:
    small = world(**WEIGHTED)
    episodes = draw(small)
    records, _ = run(small, episodes, lambda name, n: every_other(small, name, n))
    moved = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]] * 2)
    for row, record in enumerate(records.values()):
        assert record.rewards == [episodes.rewards[row, t, a] for t, a in enumerate(record.actions)]
        for t, text in enumerate(contents(record)[1:]):
            name, shown = re.fullmatch(r"([ABC]) paid (-?\d+\.\d\d), weighted", text).groups()
            assert name == "ABC"[record.actions[t]]
            assert float(shown) == pytest.approx(record.rewards[t] / moved[t, record.actions[t]], abs=0.00501)


# Summaries


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
