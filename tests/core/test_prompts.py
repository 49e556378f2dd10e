import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.prompts import REASONS, Context, context_from_config

FINAL = "Answer: "
ALIKE = st.text("AnswerABCD: .\n\r\t\u2028*-", max_size=40)
PIECES = ("Answer: A", "Answer: B", "Answer:", "A", "B\n", "\n", "\r", "\u2028", " ", "x", "answer: C")
REPLIES = st.one_of(st.text(), ALIKE, st.lists(st.sampled_from(PIECES)).map("".join))


@pytest.mark.parametrize(
    ("reply", "action"),
    [
        ("I stay with B.\nAnswer: B", 1),
        ("Answer: C", 2),
        ("two lines\nof reasons\n\n  Answer: A \n\n", 0),
        ("A, B or C? I do not give the Answer: C here.\nAnswer: A", 0),
        ("", None),
        ("B", None),
        ("I press B.", None),
        ("Answer: D", None),
        ("Answer: b", None),
        ("answer: B", None),
        ("Answer:B", None),
        ("Answer: B.", None),
        ("Answer: B or C", None),
        ("Answer: AB", None),
        ("Answer:", None),
        ("Answer: **B**", None),
        ("My Answer: B", None),
        ("Answer: B\nBecause it pays.", None),
        ("Answer: A\nAnswer: B", None),
        ("Answer: B\nAnswer: B", None),
        ("Answer: maybe A\nAnswer: B", None),
        ("Answer: A\u2028Answer: B", None),
        ("I waver.\rAnswer: A\nAnswer: B", None),
    ],
)
def test_only_the_strict_final_form_is_an_action(context: Context, reply: str, action: int | None) -> None:
    assert context.parse(reply) == action


@given(reply=REPLIES)
def test_an_action_is_read_only_where_the_last_line_alone_has_the_final_form(context: Context, reply: str) -> None:
    action = context.parse(reply)
    lines = [line.strip() for line in reply.strip().splitlines()]
    begin_like_it = [line for line in lines if line.startswith("Answer:")]
    forms = [f"{FINAL}{name}" for name in context.arm_names]
    strict = len(begin_like_it) == 1 and lines[-1] in forms
    assert action == (forms.index(lines[-1]) if strict else None)


@given(reason=st.sampled_from(sorted(REASONS)), action=st.integers(0, 2), average=st.floats(-5, 5))
def test_what_is_said_is_what_is_read(context: Context, reason: str, action: int, average: float) -> None:
    assert context.parse(context.reply(reason, action, average)) == action


def test_arm_names_that_begin_alike_or_look_like_patterns_are_told_apart(wording: dict) -> None:
    names = ["B", "B B", "B.", ".*", "(B)", "ß"]
    context = context_from_config(wording | {"arm_names": names}, arms=6)
    assert [context.parse(f"Answer: {name}") for name in names] == list(range(6))
    assert context.parse("Answer: Bx") is None


def test_messages_are_worded_by_the_context_alone(context: Context) -> None:
    assert context.opening(6) == "Press one of the buttons A, B, C, 6 times. Earn as much as you can."
    assert context.show(1, 0.457) == "B paid 0.46"
    assert context.ask_again().endswith("Answer: A")
    assert context.tell_exploit(2, 1).startswith("C paid 1.00")
    assert context.reply("best", 0, 0.7049) == "A has paid best so far, 0.70 on average.\nAnswer: A"


@pytest.mark.parametrize(
    ("number", "text"), [(-0.001, "0.00"), (-0.0, "0.00"), (-0.006, "-0.01"), (-1, "-1.00"), (0.005, "0.01")]
)
def test_no_negative_zero_is_written(context: Context, number: float, text: str) -> None:
    assert context.write(number) == text


def broken(wording: dict, key: str, value: object) -> dict:
    """The wording with one entry replaced; ``reasons.best`` names an entry of the reasons."""
    outer, _, inner = key.partition(".")
    return wording | {outer: wording["reasons"] | {inner: value} if inner else value}


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("feedback", "It paid {reward}", "feedback: needs exactly the placeholders"),
        ("feedback", "{arm} paid {rewards}", "feedback: needs exactly the placeholders"),
        ("feedback", None, "feedback: "),
        ("instructions", "Press {arms", "instructions: expected '}'"),
        ("reasons.best", "{arm} pays", "reasons.best: needs exactly the placeholders"),
        ("reasons.untried", "", "reasons.untried: needs exactly the placeholders"),
        ("reasons", ["a"], "reasons: must be a mapping"),
        ("arm_names", ["A", "B", "A"], "arm_names: must be a list of distinct, non-empty strings"),
        ("arm_names", [True, "B", "C"], "arm_names: must be"),
        ("arm_names", ["", "B", "C"], "arm_names: must be"),
        ("arm_names", [["A"], ["B"], ["C"]], "arm_names: must be"),
        ("arm_names", "ABC", "arm_names: must be a list"),
        ("arm_names", ["A", "B"], "arm_names: 2 names for 3 arms"),
        ("number", "{:d}", "number: cannot write 0.5"),
        ("number", "{reward}", "number: cannot write 0.5"),
        ("answer", "Answer: {arm} {arm}", "answer: must hold"),
        ("answer", "Answer: {arm:>3}", "answer: must hold"),
        ("answer", "{arm}", "answer: "),
        ("answer", "{{Answer}} {arm}", "answer: "),
        ("reasons.stay", "Answer: {arm} again.", "reasons.stay"),
        ("arm_names", ["A\nB", "C", "D"], "cannot be read back"),
        ("colour", "red", "missing or unknown keys: colour"),
    ],
)
def test_a_context_that_cannot_be_is_refused_by_its_key(wording: dict, key: str, value: object, named: str) -> None:
    with pytest.raises(ValueError) as refused:
        context_from_config(broken(wording, key, value), arms=3, name="buttons.yaml")
    assert str(refused.value).startswith("buttons.yaml: ")
    assert named in str(refused.value)


@pytest.mark.parametrize("key", ["answer", "reasons", "number", "arm_names", "exploit"])
def test_a_missing_key_is_named(wording: dict, key: str) -> None:
    with pytest.raises(ValueError, match=f"missing or unknown keys: {key}"):
        context_from_config({k: v for k, v in wording.items() if k != key}, arms=3)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a mapping"):
        context_from_config(None, arms=3)
