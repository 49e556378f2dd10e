import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.trajectory import COMPLETE, Trajectory

IDS = st.lists(st.integers(0, 9), max_size=4)
SAID = st.tuples(st.sampled_from(["begin", "tell", "hear"]), IDS)


def test_tokens_are_masked_by_who_made_them() -> None:
    record = Trajectory("t", "s", 7)
    record.begin()
    record.tell("Choose.", [1, 2, 3])
    record.hear("B", [4, 5])
    record.tell("B paid 1.00", [6])
    assert record.token_ids == record.conversation() == [1, 2, 3, 4, 5, 6]
    assert record.loss_mask == [0, 0, 0, 1, 1, 0]
    assert record.chats == [
        [
            {"role": "user", "content": "Choose."},
            {"role": "assistant", "content": "B"},
            {"role": "user", "content": "B paid 1.00"},
        ]
    ]
    assert record.chat_tokens == [6]
    assert record.status == COMPLETE


def test_each_conversation_has_its_own_messages_and_tokens() -> None:
    record = Trajectory("t", "s", 7)
    for n in range(3):
        record.begin()
        assert record.conversation() == []
        record.tell(f"Step {n}.", [10 * n] * (n + 1))
        record.hear("B", [10 * n + 1])
        assert record.conversation() == [10 * n] * (n + 1) + [10 * n + 1]
    assert [[message["content"] for message in chat] for chat in record.chats] == [
        [f"Step {n}.", "B"] for n in range(3)
    ]
    assert record.chat_tokens == [2, 3, 4]
    assert record.token_ids == [0, 1, 10, 10, 11, 20, 20, 20, 21]
    assert record.loss_mask == [0, 1, 0, 0, 1, 0, 0, 0, 1]


def test_what_is_taken_back_was_never_said() -> None:
    record = Trajectory("t", "s", 7)
    record.begin()
    record.tell("Choose.", [1, 2])
    record.hear("Hm.", [3])
    record.tell("Again.", [4, 5])
    record.unsay(2)
    assert [message["content"] for message in record.chats[0]] == ["Choose.", "Hm."]
    assert (record.chat_tokens, record.token_ids, record.loss_mask) == ([3], [1, 2, 3], [0, 0, 1])
    record.begin()
    record.tell("Once more.", [6])
    record.unsay(1)  # alone in its conversation, which goes with it
    assert len(record.chats) == 1
    assert (record.chat_tokens, record.conversation()) == ([3], [1, 2, 3])
    record.begin()
    record.resume([{"role": "user", "content": "Choose."}], [1, 2])
    record.tell("Once more.", [6])
    record.unsay(1)  # nothing was heard in it, though it began with what was said before
    assert (record.chat_tokens, record.conversation(), record.tokens_again) == ([3], [1, 2, 3], 0)


@given(st.lists(SAID, max_size=25), st.booleans())
def test_the_books_agree_whatever_is_said(said: list[tuple[str, list[int]]], unsaid: bool) -> None:
    """Against conversations kept as lists of (verb, ids). Nothing is said before one is begun, and none is begun twice."""
    record, known = Trajectory("t", "s", 7), []
    for verb, ids in said:
        if not known or (verb == "begin" and known[-1]):
            record.begin()
            known.append([])
        elif verb != "begin":
            getattr(record, verb)("".join(map(str, ids)), ids)
            known[-1].append((verb, ids))
    if unsaid and known and known[-1] and known[-1][-1][0] == "tell":
        record.unsay(len(known[-1].pop()[1]))
        if not any(verb == "hear" for verb, _ in known[-1]):
            known.pop()
    roles = {"tell": "user", "hear": "assistant"}
    assert [[message["role"] for message in chat] for chat in record.chats] == [
        [roles[verb] for verb, _ in chat] for chat in known
    ]
    assert record.chat_tokens == [sum(len(ids) for _, ids in chat) for chat in known]
    assert record.token_ids == [token for chat in known for _, ids in chat for token in ids]
    assert record.loss_mask == [int(verb == "hear") for chat in known for verb, ids in chat for _ in ids]
    if known:
        assert record.conversation() == [token for _, ids in known[-1] for token in ids]


def test_nothing_is_said_outside_a_conversation() -> None:
    with pytest.raises(IndexError):
        Trajectory("t", "s", 7).tell("Choose.", [1])


def test_records_share_nothing() -> None:
    one, other = Trajectory("t", "s", 7), Trajectory("u", "s", 8)
    one.begin()
    one.hear("B", [4, 5])
    one.actions.append(1)
    one.policies.append([1.0])
    one.reward_vectors.append([1.0])
    assert other == Trajectory("u", "s", 8)
