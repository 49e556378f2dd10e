import re
from itertools import permutations, product
from pathlib import Path

import pytest
import yaml

from rmft.core.contexts import CHOICES, REASONS, context_from_config
from rmft.core.prompts import Context, Reading

SCENARIOS = sorted((Path(__file__).parents[2] / "workflow/scenarios").glob("*.yaml"))
WORDINGS = {path.stem: yaml.safe_load(path.read_text()) for path in SCENARIOS}
EVALUATED_ONLY = ("crop-planting", "server-routing")
NAMES = ("buttons", "online-advertising", "clothes-shopping", "video-recommendation", "clinical-dosing")
NAMES += ("resource-allocation", "marketing-budget", *EVALUATED_ONLY)
MODES = [
    mode
    for mode in (dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values()))
    if mode["shown"] == "raw" or (mode["output"] == "distribution" and mode["environment"] != "fol")
]
EVERYWHERE = [(name, mode) for name in NAMES for mode in MODES]
IDS = [f"{name}-{'-'.join(mode.values())}" for name, mode in EVERYWHERE]


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
