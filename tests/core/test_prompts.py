import re
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.prompts import CHOICES, PLACEHOLDERS, REASONS, Context, Reading, context_from_config

FINAL = "Answer: "
ALIKE = st.text("AnswerABCD: .,012\n\r\t\u2028*-", max_size=40)
PIECES = ("Answer: A", "Answer: B", "Answer:", "A", "B\n", "\n", "\r", "\u2028", " ", "x", "answer: C")
REPLIES = st.one_of(st.text(), ALIKE, st.lists(st.sampled_from(PIECES)).map("".join))

SCENARIOS = sorted((Path(__file__).parents[2] / "workflow/scenarios").glob("*.yaml"))
WORDINGS = {path.stem: yaml.safe_load(path.read_text()) for path in SCENARIOS}
EVALUATED_ONLY = ("crop-planting", "server-routing")
NAMES = ("buttons", "online-advertising", "clothes-shopping", "video-recommendation", "clinical-dosing")
NAMES += ("resource-allocation", "marketing-budget", *EVALUATED_ONLY)
ALL = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
MODES = [
    mode
    for mode in ALL
    if mode["shown"] == "raw" or (mode["output"] == "distribution" and mode["environment"] != "fol")
]
EVERYWHERE = [(name, mode) for name in NAMES for mode in MODES]
IDS = [f"{name}-{'-'.join(mode.values())}" for name, mode in EVERYWHERE]


@pytest.fixture(scope="module")
def shares(wording: dict) -> Context:
    """The buttons, asked for a distribution."""
    return context_from_config(wording, arms=3, output="distribution")


# The wording that trained models depend on, to the byte


def test_the_dialogue_of_the_buttons_to_the_byte(context: Context) -> None:
    assert context.opening(20) == "Press one of the buttons A, B, C, 20 times. Earn as much as you can."
    assert context.show(1, 0.457) == "B paid 0.46"
    assert context.show(2, -0.004) == "C paid 0.00"
    assert context.ask_again() == "Not understood. End with one line like this: Answer: A"
    assert context.tell_exploit(context.show(2, 1)) == "C paid 1.00. From now on press what has paid best."
    assert {reason: context.reply(reason, 1, 0.7049) for reason in REASONS} == {
        "untried": "I have not tried B yet.\nAnswer: B",
        "best": "B has paid best so far, 0.70 on average.\nAnswer: B",
        "any": "Any button will do, B this time.\nAnswer: B",
        "stay": "I stay with B.\nAnswer: B",
    }


def test_the_ten_buttons_are_called_by_letters(wording: dict) -> None:
    context = context_from_config(wording, arms=10)
    assert context.opening(100) == (
        "Press one of the buttons A, B, C, D, E, F, G, H, I, J, 100 times. Earn as much as you can."
    )


# What else the buttons can say


@pytest.mark.parametrize(
    ("mode", "opening"),
    [
        (
            {"environment": "ns-mab", "reasoning": "none"},
            "Press one of the buttons A, B, 9 times. What they pay may drift over time. Earn as much as you can. "
            "Reply with one line like this, and nothing else: Answer: A",
        ),
        (
            {"environment": "fol", "output": "distribution"},
            "Press one of the buttons A, B, 9 times. After each press you are told what every button paid. "
            "Earn as much as you can. Each time, give every button a probability; one is drawn. "
            "End with one line like this: Answer: A 0.50, B 0.50",
        ),
        (
            {"output": "distribution", "shown": "importance_weighted", "reasoning": "asked"},
            "Press one of the buttons A, B, 9 times. Earn as much as you can. "
            "Each time, give every button a probability; one is drawn. "
            "Payments are shown divided by the probability of the button pressed. "
            "Say in one sentence why, then end with one line like this: Answer: A 0.50, B 0.50",
        ),
    ],
)
def test_openings_say_what_the_task_is(wording: dict, mode: dict, opening: str) -> None:
    assert context_from_config(wording, arms=2, **mode).opening(9) == opening


def test_feedback_is_worded_by_what_is_shown(wording: dict) -> None:
    full = context_from_config(wording, arms=3, environment="fol")
    assert full.show_all(1, [0.2, 0.457, -0.001]) == "Pressed B. Paid: A 0.20, B 0.46, C 0.00"
    weighted = context_from_config(wording, arms=3, output="distribution", shown="importance_weighted")
    assert weighted.show(0, 12.3456) == "A paid 12.35, weighted"


def test_a_summary_stands_on_its_own(wording: dict) -> None:
    context = context_from_config(wording, arms=3, interaction="summary")
    assert context.summary(4, 20, [2, 0, 1], [0.457, float("nan"), -0.2]).splitlines() == [
        context.opening(20),
        "A: pressed 2x, average 0.46",
        "B: not tried",
        "C: pressed 1x, average -0.20",
        "Press 4 of 20.",
        "Which button now?",
    ]
    assert context.tell_exploit("What now?") == "What now? Press what has paid best."


def test_full_information_knows_the_average_of_every_arm_after_one_step(wording: dict) -> None:
    context = context_from_config(wording, arms=2, environment="fol", interaction="summary")
    assert context.summary(1, 20, [0, 0], [0.0, 0.0]).splitlines()[1:3] == ["A: not tried", "B: not tried"]
    assert context.summary(2, 20, [0, 1], [0.5, 0.1]).splitlines()[1:3] == [
        "A: pressed 0x, average 0.50",
        "B: pressed 1x, average 0.10",
    ]


def test_without_reasoning_a_reply_is_its_final_line(wording: dict) -> None:
    said = {"arms": 2, "reasoning": "none"}
    assert context_from_config(wording, **said).reply("best", 1, 0.5) == "Answer: B"
    shares = context_from_config(wording, output="distribution", **said)
    assert shares.reply_shares("best", 1, 0.5, [0.25, 0.75]) == "Answer: A 0.25, B 0.75"


def test_who_answers_unreadably_is_told_the_form_by_output(shares: Context) -> None:
    assert shares.ask_again() == (
        "Not understood. Give every button its probability once, in one last line like this: "
        "Answer: A 0.34, B 0.33, C 0.33"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [(-0.001, "0.00"), (-0.0, "0.00"), (-0.006, "-0.01"), (-1, "-1.00"), (0.005, "0.01"), (0, "0.00")],
)
def test_no_negative_zero_is_written(context: Context, number: float, text: str) -> None:
    assert context.write(number) == text


def test_numbers_are_written_as_the_yaml_says(wording: dict) -> None:
    context = context_from_config(wording | {"number": "{:.1%} of CO2"}, arms=2)
    assert context.show(0, 0.4567) == "A paid 45.7% of CO2"
    assert context.show(0, -0.0001) == "A paid 0.0% of CO2"
    assert context.read(context.reply("best", 1, 0.25)) == Reading(1, None, False)


# All contexts


def test_the_contexts_are_these() -> None:
    assert sorted(WORDINGS) == sorted(NAMES)
    for path in SCENARIOS:
        assert ("never trained on" in path.read_text().lower()) == (path.stem in EVALUATED_ONLY)


@pytest.mark.parametrize("name", NAMES)
def test_arm_names_are_plain(name: str) -> None:
    names = WORDINGS[name]["arm_names"]
    assert len(set(names)) == len(names) >= 10
    assert [n for n in names if len(n.split()) > 5 or not re.fullmatch(r"[A-Za-z]+( [a-z]+)*", n)] == []
    assert [(a, b) for a, b in permutations(names, 2) if b.lower().startswith(a.lower())] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_an_arm_paid_is_all_that_feedback_tells(name: str) -> None:
    """No number that is not a reward, a probability, a count or a step."""
    for text in (WORDINGS[name][group] for group in ("instructions", "notes", "ask", "feedback", "summary", "reasons")):
        assert re.findall(r"\d", str(text)) == []


@pytest.mark.parametrize(("name", "mode"), EVERYWHERE, ids=IDS)
def test_what_is_said_is_what_is_read_everywhere(name: str, mode: dict) -> None:
    context = context_from_config(WORDINGS[name], arms=7, **mode)
    uneven = (0.5, 0.0, 0.04, 0.26, 0.1, 0.1, 0.0)
    for reason, action in product(REASONS, range(7)):
        policy = tuple(uneven[(action + arm) % 7] for arm in range(7))
        if mode["output"] == "action":
            reply, meant = context.reply(reason, action, -0.3), Reading(action, None, False)
        else:
            reply, meant = context.reply_shares(reason, action, -0.3, policy), Reading(None, policy, False)
        assert context.read(reply) == meant
        assert len(reply.splitlines()) == (1 if mode["reasoning"] == "none" else 2)


@pytest.mark.parametrize(("name", "mode"), EVERYWHERE, ids=IDS)
def test_renaming_arms_changes_nothing_but_names(name: str, mode: dict) -> None:
    said = []
    for letter in "xy":
        names = [f"«{letter}{place}»" for place in "abc"]
        context = context_from_config(WORDINGS[name] | {"arm_names": names}, arms=3, **mode)
        shown = [context.show(1, 0.5), context.show_all(0, [0.1, 0.2, 0.3]), context.ask_again(), context.opening(5)]
        shown += [context.summary(3, 5, [2, 0, 0], [0.5, 0.1, 0.2]), context.tell_exploit("...")]
        shown += [context.reply(reason, 2, 0.5) for reason in REASONS]
        shown += [context.reply_shares(reason, 2, 0.5, [0.2, 0.3, 0.5]) for reason in REASONS]
        assert not any(brace in text for text in shown for brace in "{}")
        said.append([re.sub(f"«{letter}(.)»", r"<\1>", text) for text in shown])
    assert said[0] == said[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_task_is_told_in_every_context(name: str) -> None:
    def opening(**mode: str) -> str:
        return context_from_config(WORDINGS[name], arms=3, **mode).opening(20)

    assert "drift over time" in opening(environment="ns-mab")
    assert re.search(r"you are told .*every", opening(environment="fol"))
    assert "divided by the probability" in opening(output="distribution", shown="importance_weighted")
    assert "one sentence" in opening(reasoning="asked")
    assert "nothing else" in opening(reasoning="none")
    assert len({opening(environment=environment) for environment in CHOICES["environment"]}) == 3
    assert not re.search(r"sentence|reason|why|think|nothing else", opening())
    if name != "buttons":
        example = opening().splitlines()[-1].split(": ", 1)[1]
        assert context_from_config(WORDINGS[name], arms=3).parse(example) == 0


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


# Wording and modes that cannot be


def broken(wording: dict, key: str, value: object) -> dict:
    """The wording with one entry replaced, by its dotted key."""
    outer, _, inner = key.partition(".")
    return wording | {outer: broken(wording.get(outer, {}), inner, value) if inner else value}


@pytest.mark.parametrize("key", PLACEHOLDERS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "must be text, not None"),
        (["{arm}"], "must be text, not ['{arm}']"),
        (True, "must be text, not True"),
        ("{arm", "expected '}'"),
        ("}", "Single '}'"),
        ("{option}", "needs exactly the placeholders"),
        ("{}", "needs exactly the placeholders"),
    ],
)
def test_every_text_is_checked_and_named(wording: dict, key: str, value: object, named: str) -> None:
    with pytest.raises(ValueError) as refused:
        context_from_config(broken(wording, key, value), arms=3, name="buttons.yaml")
    assert str(refused.value).startswith(f"buttons.yaml: {key}: ")
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("feedback.raw", "It paid {reward}", "feedback.raw: needs exactly the placeholders ['arm', 'reward']"),
        ("feedback.raw", "{arm} paid {rewards}", "feedback.raw: needs exactly"),
        ("feedback.raw", "{arm} paid {reward:.1f}", "feedback.raw: a placeholder stands as it is"),
        ("feedback.raw", "{arm!r} paid {reward}", "feedback.raw: a placeholder stands as it is"),
        ("feedback.raw", "{arm.x} paid {reward}", "feedback.raw: needs exactly"),
        ("feedback", "{arm} paid {reward}", "missing or unknown keys: feedback, feedback.full"),
        ("feedback.loud", "{arm}!", "missing or unknown keys: feedback.loud"),
        ("summary.question", "Which {arm}?", "summary.question: needs exactly the placeholders []"),
        ("summary.question", "", "summary.question: must be text"),
        ("reasons.best", "{arm} pays", "reasons.best: needs exactly the placeholders"),
        ("reasons.untried", "", "reasons.untried: must be text"),
        ("ask.action.none", "", "ask.action.none: must be text"),
        ("reasons", ["a"], "missing or unknown keys: reasons, reasons.any"),
        ("reasons", {}, "missing or unknown keys: reasons.any"),
        ("arm_names", ["A", "B", "A"], "arm_names: must be a list of distinct, non-empty strings"),
        ("arm_names", [True, "B", "C"], "arm_names: must be"),
        ("arm_names", ["", "B", "C"], "arm_names: must be"),
        ("arm_names", [" A", "B", "C"], "arm_names: must be"),
        ("arm_names", [["A"], ["B"], ["C"]], "arm_names: must be"),
        ("arm_names", "ABC", "arm_names: must be a list"),
        ("arm_names", None, "arm_names: must be a list"),
        ("arm_names", ["A", "B"], "arm_names: 2 names for 3 arms"),
        ("arm_names", ["A", "B", "C 3"], "arm_names: must hold no digits or commas, as 'C 3' does"),
        ("arm_names", ["A", "B, C", "D"], "arm_names: must hold no digits or commas"),
        ("number", "{:d}", "number: cannot write 0.25"),
        ("number", "{reward}", "number: cannot write 0.25"),
        ("number", 0.5, "number: cannot write 0.25"),
        ("number", "much", "number: 'much' writes 0.25 and 0.75 alike"),
        ("answer.action", "Answer: {arm} {arm}", "answer.action: must hold"),
        ("answer.action", "Answer: {arm:>3}", "answer.action: a placeholder stands as it is"),
        ("answer.action", "{arm}", "answer.action: "),
        ("answer.action", "{{Answer}} {arm}", "answer.action: must hold"),
        ("answer.distribution", "{shares}", "answer.distribution: "),
        ("answer.distribution", "Answer: {shares} ", "cannot be read back"),
        ("reasons.stay", "Answer: {arm} again.", "reasons.stay"),
        ("arm_names", ["A\nB", "C", "D"], "cannot be read back"),
        ("colour", "red", "missing or unknown keys: colour"),
        ("number", "{:.2f}\nAnswer: ", "made with reasons.best, cannot be read back"),
    ],
)
def test_a_context_that_cannot_be_is_refused_by_its_key(wording: dict, key: str, value: object, named: str) -> None:
    with pytest.raises(ValueError) as refused:
        context_from_config(broken(wording, key, value), arms=3, name="buttons.yaml")
    assert str(refused.value).startswith("buttons.yaml: ")
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["answer", "reasons", "number", "arm_names", "exploit", "instructions", "notes"])
def test_a_missing_key_is_named(wording: dict, key: str) -> None:
    with pytest.raises(ValueError, match=f"missing or unknown keys: {key}"):
        context_from_config({k: v for k, v in wording.items() if k != key}, arms=3)


@pytest.mark.parametrize("entry", [None, [], "buttons", 3])
def test_an_empty_file_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match="must be a mapping"):
        context_from_config(entry, arms=3)


@pytest.mark.parametrize("key", CHOICES)
@pytest.mark.parametrize("value", ["mabb", "", None, ["mab"]])
def test_an_unknown_way_to_talk_is_refused_by_its_key(wording: dict, key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^context: {key}: must be one of .*, not "):
        context_from_config(wording, arms=3, **{key: value})


@pytest.mark.parametrize("mode", [mode for mode in ALL if mode not in MODES], ids=lambda mode: "-".join(mode.values()))
def test_importance_weights_need_a_bandit_and_probabilities(wording: dict, mode: dict) -> None:
    with pytest.raises(ValueError, match=r"^context: shown: importance_weighted needs"):
        context_from_config(wording, arms=3, **mode)


@given(
    key=st.sampled_from(["arm_names", "number", *PLACEHOLDERS]),
    value=st.one_of(st.none(), st.floats(), st.text(), st.text("{}arm:!0. \n"), st.lists(st.text(max_size=3))),
)
def test_damage_is_refused_by_one_line_or_does_no_harm(wording: dict, key: str, value: object) -> None:
    try:
        context = context_from_config(broken(wording, key, value), arms=3)
    except ValueError as refused:
        assert str(refused).startswith("context: ")
        assert len(str(refused).splitlines()) == 1
    else:
        assert [context.parse(context.reply("any", arm)) for arm in range(3)] == [0, 1, 2]


@given(entry=st.recursive(st.none() | st.text() | st.floats(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_entry_fails_but_by_a_value_error(entry: object) -> None:
    with pytest.raises(ValueError):
        context_from_config(entry, arms=2)
