"""Reasonings: the laptop model's own sentences exactly, traps of English as nothing, and no text that breaks the reader."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.contexts import context_from_config
from rmft.core.phrases import KEYS, Phrases, phrases_from_config
from rmft.core.reasoning import NOTHING, Said, before_answer, read_reasoning

WORKFLOW = Path(__file__).parents[2] / "workflow"
ENTRY = yaml.safe_load((WORKFLOW / "reasoning.yaml").read_text())
PHRASES = phrases_from_config(ENTRY)
SCENARIOS = sorted((WORKFLOW / "scenarios").glob("*.yaml"))
PIECES = [
    "A",
    "B",
    "I",
    "a",
    "best",
    "highest average",
    "average",
    "0.5",
    "1",
    "(",
    ")",
    ":",
    "=",
    ",",
    ".",
    "?",
    "not",
]
PIECES += [
    "is",
    "has",
    "so",
    "explore",
    "stay with",
    "it",
    "\n",
    "\ue000",
    "’",
    "the others",
    "than",
    " ",
    "vs",
    "3 times",
]


def read(text: str, names: tuple[str, ...] = ("A", "B", "C")) -> Said:
    return read_reasoning(text, names, PHRASES)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("output", ["action", "distribution"])
def test_what_the_laptop_model_says_is_read_exactly_in_every_context(path: Path, output: str) -> None:
    entry = yaml.safe_load(path.read_text())
    context = context_from_config(entry, arms=len(entry["arm_names"]), output=output)
    shares = [1.0] + [0.0] * (len(context.arm_names) - 1)
    for arm in range(len(context.arm_names)):
        for average in (0.0, 0.63, -0.07, 1.0, 12.34):
            best = Said(arm, ((arm, average),), False, True)
            wanted = {"best": best, "untried": Said(None, (), True, False), "any": Said(None, (), True, False)}
            for reason, meant in (wanted | {"stay": Said(None, (), False, True)}).items():
                if output == "action":
                    reply = context.reply(reason, arm, average)
                else:
                    reply = context.reply_shares(reason, arm, average, shares)
                assert read(before_answer(reply, context), context.arm_names) == meant, reply


def test_the_answer_is_no_reasoning(context) -> None:
    assert before_answer(context.reply("stay", 1), context) == "I stay with B."
    assert read(before_answer("Answer: B", context)) == NOTHING


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("B is the best. C is the best.", None),  # two candidates
        ("B is the best. B has the highest average.", 1),
        ("B is the best. It is not C.", 1),
        ("Looking at B, it has the highest average.", 1),
        ("Looking at B and C, it has the highest average.", None),
        ("a is the best", None),  # no button is called a
        ("Cat is the best", None),
        ("button B IS THE BEST", 1),
        ("**B** is the `best`.", 1),
        ("B is the best, but C isn't.", 1),
        ("B is best!\nC is next best.", 1),
    ],
)
def test_which_arm_is_called_best(text: str, best: int | None) -> None:
    assert read(text).best == best


@pytest.mark.parametrize(
    ("text", "averages"),
    [
        ("A: 0.5. A: 0.6.", ()),  # two averages of one arm
        ("A: 0.5. A: 0.5.", ((0, 0.5),)),
        ("B (2 pulls, 0.63)", ((1, 0.63),)),
        ("B's average is 63%.", ()),
        ("B's average is 1.2.3.", ()),
        ("B's average is not 0.6.", ()),
        ("B's average would be 0.6.", ()),
        ("an average of 0.44 for B", ((1, 0.44),)),
        ("B averages .44", ((1, 0.44),)),
        ("the average is 0.44", ()),
        ("B has average " + "9" * 400, ()),  # no number that anybody would write
    ],
)
def test_which_averages_are_stated(text: str, averages: tuple) -> None:
    assert read(text).averages == averages


def test_names_that_hold_others_and_names_in_any_case() -> None:
    names = ("south", "South Depot", "sea")
    assert read("south depot has the highest average, 0.5 on average.", names) == Said(1, ((1, 0.5),), False, True)
    assert read("South has the highest average.", names).best == 0
    assert read("Southern has the highest average.", names).best is None


@given(st.one_of(st.text(max_size=400), st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join)))
def test_any_text_is_read_and_what_is_read_is_possible(text: str) -> None:
    said = read(text)
    assert said.best is None or said.best in range(3)
    assert len({arm for arm, _ in said.averages}) == len(said.averages)
    assert all(arm in range(3) and abs(average) < 1e7 for arm, average in said.averages)
    assert not (said.explores and said.exploits)


@given(
    st.permutations(range(3)),
    st.sampled_from(["{} is best, 0.7 on average.", "{} and {} are best.", "{}: 0.2, {}: 0.4."]),
)
def test_arms_are_alike(order: list[int], text: str) -> None:
    """What is said of arms follows their names, whichever arm has which name."""
    names = ("low", "mid", "top")
    said, other = read(text.format(*names), names), read(text.format(*names), tuple(names[i] for i in order))
    assert (said.best is None) == (other.best is None)
    assert said.best is None or order[other.best] == said.best
    assert {(order[arm], value) for arm, value in other.averages} == set(said.averages)


@pytest.mark.parametrize(
    "piece", ["B ", "average ", "A: ", "0.5 ", "not ", "any any ", "A average average ", "(", "x", "A ("]
)
def test_a_long_text_is_read_like_a_short_one(piece: str) -> None:
    """A pattern that backtracks would not come to the end of this in a year."""
    assert read(piece * 5000) == read(piece * 50)


def changed(**entries: object) -> dict:
    return {**ENTRY, **entries}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ([], "must be a mapping with not_arms, clauses"),
        ({key: ENTRY[key] for key in KEYS if key != "best"}, "must be a mapping with best"),
        (changed(worst=["bad"]), "must be a mapping with worst"),
        (changed(best="best"), "best: must be a list of patterns, not 'best'"),
        (changed(best=[]), "best: must be a list of patterns"),
        (changed(best=[""]), "best: must be a list of patterns"),
        (changed(best=["(a+)+b"]), "best: '(a+)+b' repeats without a bound"),
        (changed(best=["ab*"]), "repeats without a bound"),
        (changed(best=["a{2,}"]), "repeats without a bound"),
        (changed(best=["(best"]), "best: missing )"),
        (changed(best=["(?:best)?"]), "best: a pattern matches the empty text"),
        (changed(averages=["{arm} best"]), "must hold {arm} once and {number} once"),
    ],
)
def test_patterns_that_cannot_be_are_refused(entry: object, said: str) -> None:
    with pytest.raises(ValueError, match="phrases") as error:
        phrases_from_config(entry)
    assert said in str(error.value)


def test_a_star_of_its_own_is_no_repetition() -> None:
    assert isinstance(phrases_from_config(changed(best=[r"\*best\*", "best"])), Phrases)


def test_too_many_arms_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1000, not 1001"):
        read("x", tuple(f"arm {n}" for n in range(1001)))
