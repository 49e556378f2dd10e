import re
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.contexts import REASONS, context_from_config
from rmft.core.prompts import Context, Reading

FINAL = "Answer: "
ALIKE = st.text("AnswerABCD: .,012\n\r\t\u2028*-", max_size=40)
PIECES = ("Answer: A", "Answer: B", "Answer:", "A", "B\n", "\n", "\r", "\u2028", " ", "x", "answer: C")
REPLIES = st.one_of(st.text(), ALIKE, st.lists(st.sampled_from(PIECES)).map("".join))


# The strict reader of actions


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
        ("Answer:\tB", None),
        ("Answer:-B", None),
        ("Answer: B.", None),
        ("Answer: B or C", None),
        ("Answer: AB", None),
        ("Answer:", None),
        ("Answer: ", None),
        ("Answer: **B**", None),
        ("My Answer: B", None),
        ("Answer: B\nBecause it pays.", None),
        ("Answer: A\nAnswer: B", None),
        ("Answer: B\nAnswer: B", None),
        ("Answer: maybe A\nAnswer: B", None),
        ("Answer: A\u2028Answer: B", None),
        ("I waver.\rAnswer: A\nAnswer: B", None),
        ("Answer: A 1.00, B 0.00, C 0.00", None),
        ("Answer: Ａ", None),
        ("\ud800Answer: A", None),
    ],
)
def test_only_the_strict_final_form_is_an_action(context: Context, reply: str, action: int | None) -> None:
    assert context.parse(reply) == action
    assert context.read(reply) == (None if action is None else Reading(action, None, False))


@given(reply=REPLIES)
def test_an_action_is_read_only_where_the_last_line_alone_has_the_final_form(context: Context, reply: str) -> None:
    lines = [line.strip() for line in reply.strip().splitlines()]
    begin_like_it = [line for line in lines if line.startswith("Answer:")]
    forms = [f"{FINAL}{name}" for name in context.arm_names]
    strict = len(begin_like_it) == 1 and lines[-1] in forms
    assert context.read(reply) == (Reading(forms.index(lines[-1]), None, False) if strict else None)


@given(reason=st.sampled_from(REASONS), action=st.integers(0, 2), average=st.floats(-5, 5))
def test_what_is_said_is_what_is_read(context: Context, reason: str, action: int, average: float) -> None:
    assert context.parse(context.reply(reason, action, average)) == action


def test_arm_names_that_begin_alike_or_look_like_patterns_are_told_apart(wording: dict) -> None:
    names = ["B", "B B", "B.", ".*", "(B)", "ß", "{B}"]
    context = context_from_config(wording | {"arm_names": names}, arms=7)
    assert [context.parse(f"Answer: {name}") for name in names] == list(range(7))
    assert context.parse("Answer: Bx") is None
    shares = context_from_config(wording | {"arm_names": names}, arms=7, output="distribution")
    policy = tuple(n / 100 for n in (40, 1, 2, 3, 4, 50, 0))
    assert shares.read(shares.reply_shares("any", 0, 0.0, policy)) == Reading(None, policy, False)


# The strict reader of distributions


@pytest.mark.parametrize(
    ("reply", "policy", "renormalised"),
    [
        ("Answer: A 0.20, B 0.50, C 0.30", (0.2, 0.5, 0.3), False),
        ("So be it.\n  Answer: C 0.3, A 0.2, B 0.5  \n", (0.2, 0.5, 0.3), False),
        ("Answer: A 0, B 1, C 0", (0, 1, 0), False),
        ("Answer: A 0.0000, B 1.0000, C 0.00", (0, 1, 0), False),
        ("Answer: A 0.3333, B 0.3333, C 0.3333", (1 / 3, 1 / 3, 1 / 3), False),
        ("Answer: A 0.32, B 0.33, C 0.33", (32 / 98, 33 / 98, 33 / 98), False),
        ("Answer: A 0.34, B 0.34, C 0.34", (1 / 3, 1 / 3, 1 / 3), False),
        ("Answer: A 0.3400, B 0.3400, C 0.3401", (3400 / 10201, 3400 / 10201, 3401 / 10201), True),
        ("Answer: A 0.32, B 0.33, C 0.32", (32 / 97, 33 / 97, 32 / 97), True),
        ("Answer: A 1, B 1, C 0", (0.5, 0.5, 0), True),
        ("Answer: A 0.0001, B 0, C 0", (1, 0, 0), True),
    ],
)
def test_shares_are_divided_by_their_sum(shares: Context, reply: str, policy: tuple, renormalised: bool) -> None:
    reading = shares.read(reply)
    assert reading.action is None
    assert reading.policy == pytest.approx(policy, abs=1e-12)
    assert reading.renormalised is renormalised


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "A 0.20, B 0.50, C 0.30",
        "Answer: B",
        "Answer: 0.20, 0.50, 0.30",
        "Answer: A 0.20, B 0.50",
        "Answer: A 0.20, B 0.50, B 0.30",
        "Answer: A 0.20, B 0.50, C 0.30, C 0.00",
        "Answer: A 0.20, B 0.50, C 0.30, D 0.00",
        "Answer: A 0.20, B 0.50, D 0.30",
        "Answer: A 0.00, B 0, C 0.0",
        "Answer: A -0.20, B 0.90, C 0.30",
        "Answer: A 0.20, B 1.50, C 0.30",
        "Answer: A 1.0001, B 0, C 0",
        "Answer: A 20, B 50, C 30",
        "Answer: A 20%, B 50%, C 30%",
        "Answer: A nan, B 0.50, C 0.30",
        "Answer: A NaN, B 0.50, C 0.30",
        "Answer: A inf, B 0.50, C 0.30",
        "Answer: A 2e-1, B 0.50, C 0.30",
        "Answer: A +0.2, B 0.50, C 0.30",
        "Answer: A .20, B 0.50, C 0.30",
        "Answer: A 0., B 0.50, C 0.30",
        "Answer: A 00.2, B 0.50, C 0.30",
        "Answer: A 0.20000, B 0.50, C 0.30",
        "Answer: A 0_1, B 0.50, C 0.30",
        "Answer: A ０.２０, B ０.５０, C ０.３０",
        "Answer: A 0.٢, B 0.50, C 0.30",
        "Answer: A 0,20, B 0,50, C 0,30",
        "Answer: A 0.20,B 0.50,C 0.30",
        "Answer: A 0.20; B 0.50; C 0.30",
        "Answer: A: 0.20, B: 0.50, C: 0.30",
        "Answer: A  0.20, B 0.50, C 0.30",
        "Answer:  A 0.20, B 0.50, C 0.30",
        "Answer: A 0.20, B 0.50, C 0.30.",
        "Answer: A 0.20, B 0.50, C 0.30,",
        "Answer: A 0.20, B 0.50, C 0.30 in all",
        "Answer: A 0.20, B 0.50, C 0.30\nSo be it.",
        "answer: A 0.20, B 0.50, C 0.30",
        "Answer: a 0.20, b 0.50, c 0.30",
        "Answer: A 0.20, B 0.50, C 0.30\nAnswer: A 0.20, B 0.50, C 0.30",
        "Answer: A\nAnswer: A 0.20, B 0.50, C 0.30",
    ],
)
def test_any_other_form_is_no_distribution(shares: Context, reply: str) -> None:
    assert shares.read(reply) is None
    assert shares.parse(reply) is None


NUMBERS = (
    "0",
    "1",
    "0.2",
    "0.50",
    "0.3000",
    "0.0001",
    "1.0",
    "0.98",
    "1.01",
    "2",
    "-0.1",
    "nan",
    "0.12345",
    "０.２",
    "",
)
ENTRIES = st.builds("{} {}".format, st.sampled_from("ABCD"), st.sampled_from(NUMBERS))
WHOLE = st.permutations("ABC").flatmap(
    lambda names: st.tuples(*(st.builds("{} {}".format, st.just(name), st.sampled_from(NUMBERS[:9])) for name in names))
)
LINES = st.builds(
    "{}{}{}".format,
    st.sampled_from(("Answer: ", "Answer: ", "Because.\nAnswer: ", "answer: ", "Answer: A\n", "\u2028")),
    st.one_of(WHOLE, WHOLE, st.lists(ENTRIES, max_size=4)).map(", ".join),
    st.sampled_from(("", "", " \n", ".", "\nDone.", "\nAnswer: ", "\x1c")),
)


@given(reply=st.one_of(LINES, LINES, REPLIES))
def test_a_distribution_is_read_only_where_every_arm_stands_once_in_the_final_form(shares: Context, reply: str) -> None:
    lines = [line.strip() for line in reply.strip().splitlines()]
    number = r"(0|0\.[0-9]{1,4}|1|1\.0{1,4})"
    found = {}
    for names in permutations("ABC"):
        form = "Answer: " + ", ".join(f"{name} {number}" for name in names)
        if lines and (match := re.fullmatch(form, lines[-1])):
            found = dict(zip(names, map(Fraction, match.groups()), strict=True))
    total = sum(found.values())
    reading = shares.read(reply)
    if sum(line.startswith("Answer:") for line in lines) != 1 or not total:
        assert reading is None
    else:
        assert reading.action is None
        assert reading.policy == pytest.approx([float(found[name] / total) for name in "ABC"], abs=1e-12)
        assert sum(reading.policy) == pytest.approx(1, abs=1e-12)
        assert reading.renormalised == (abs(total - 1) > Fraction(2, 100))


@given(weights=st.lists(st.floats(0, 1), min_size=10, max_size=10).filter(lambda w: sum(w) > 1e-6))
def test_shares_are_said_to_a_hundredth_and_add_up(wording: dict, weights: list[float]) -> None:
    context = context_from_config(wording, arms=10, output="distribution")
    policy = [weight / sum(weights) for weight in weights]
    said = re.findall(r"\d\.\d\d\b", context.reply_shares("any", 0, 0.0, policy))
    assert sum(map(Fraction, said)) == 1
    assert [float(share) for share in said] == pytest.approx(policy, abs=0.01)
    reading = context.read(context.reply_shares("any", 0, 0.0, policy))
    assert reading.policy == tuple(map(float, said))
    assert not reading.renormalised


def test_the_largest_remainders_are_rounded_up(shares: Context) -> None:
    assert shares.reply_shares("any", 0, 0.0, [0.331, 0.335, 0.334]).endswith("Answer: A 0.33, B 0.34, C 0.33")
