import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.contexts import CHOICES, PLACEHOLDERS, context_from_config


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


@pytest.mark.parametrize("interaction", CHOICES["interaction"])
@pytest.mark.parametrize(
    ("environment", "output"), [("mab", "action"), ("ns-mab", "action"), ("fol", "action"), ("fol", "distribution")]
)
def test_importance_weights_need_a_bandit_and_probabilities(wording, environment, output, interaction) -> None:
    mode = {"environment": environment, "output": output, "interaction": interaction}
    with pytest.raises(ValueError, match=r"^context: shown: importance_weighted needs"):
        context_from_config(wording, arms=3, shown="importance_weighted", **mode)


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
