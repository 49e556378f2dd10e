from rmft.core.trajectory import COMPLETE, Trajectory


def test_tokens_are_masked_by_who_made_them() -> None:
    record = Trajectory("t", "s", 7)
    record.tell("Choose.", [1, 2, 3])
    record.hear("B", [4, 5])
    record.tell("B paid 1.00", [6])
    assert record.token_ids == [1, 2, 3, 4, 5, 6]
    assert record.loss_mask == [0, 0, 0, 1, 1, 0]
    assert [message["role"] for message in record.messages] == ["user", "assistant", "user"]
    assert record.messages[1]["content"] == "B"
    assert record.status == COMPLETE


def test_records_share_nothing() -> None:
    one, other = Trajectory("t", "s", 7), Trajectory("u", "s", 8)
    one.hear("B", [4, 5])
    one.actions.append(1)
    assert other == Trajectory("u", "s", 8)
