"""An argument that a stage cannot use is named in one line, and what was there before is left alone."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("program", "flag", "value", "said"),
    [
        ("rollout", "task", "{", "--task"),
        ("rollout", "task", {"name": "t"}, "means"),
        ("rollout", "task", {}, "name"),
        ("score", "task", {"name": "t", "colour": 1}, "t"),
        ("rollout", "sampling", {"temperature": 1.0, "chunk_episodes": 4}, "max_new_tokens"),
        ("rollout", "sampling", "{", "--sampling"),
        ("select", "method", {"name": "m", "score": "luck", "k": 2}, "score"),
        ("select", "method", {"name": "m", "score": "regret"}, "k"),
        ("sft", "model", {}, "sft"),
        ("sft", "model", "{", "--model"),
        ("base_policy", "model", {}, "kind"),
    ],
)
def test_an_argument_that_cannot_be_is_named(
    refused: Callable, program: str, flag: str, value: object, said: str
) -> None:
    assert said in refused(program, **{flag: value})


def test_trajectories_of_another_task_are_refused(refused: Callable, task_entry: dict) -> None:
    """As many arms or not: a regret under another task's prior would be wrong in silence."""
    for changes in ({"arms": 5}, {"means": {"kind": "uniform", "low": 0.2, "high": 0.3}}):
        for program in ("score", "evaluate"):
            assert "task" in refused(program, task=task_entry | changes)


HELDOUT = {"split": "heldout", "trajectories-per-scenario": 1}
UCB = {"policy": "ucb", "constant": 1.0, "growth": "none"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"suites": {"longer": {"horizon_times": 2}}}, "--suites: are for held-out scenarios"),
        ({"split": "heldout"}, "--trajectories-per-scenario: a held-out scenario is played once"),
        ({**HELDOUT, "suites": "{"}, "--suites: not JSON"),
        ({**HELDOUT, "suites": "[1]"}, "--suites: must be a mapping"),
        ({**HELDOUT, "suites": {"longer": {"horizon_time": 2}}}, "horizon_time"),
        ({**HELDOUT, "suites": {"longer": 2}}, "--suites: each must be a mapping"),
        ({**HELDOUT, "suites": {"hot": {"drift": "sine"}}}, "--suites: each must be a mapping"),
        ({**HELDOUT, "suites": {"hot": {"drift": {"hazard": 1}}}}, "--suites: each must be a mapping"),
        ({**HELDOUT, "suites": {"one": {"more_arms": -2}}}, "arms"),
        ({**HELDOUT, "suites": {"hot": {"drift": {"kind": "sin"}}}}, "drift: kind must be one of"),
        ({**HELDOUT, "suites": {"words": {"context": "buttns"}}}, "buttns.yaml"),
        ({**HELDOUT, "suites": {"many": {"more_arms": 8}}}, "10 names for 11 arms"),
        ({"teacher": {"policy": "teacher"}}, "policy: must be one of random"),
        ({"teacher": {"constant": 1.0}}, "--teacher: must be a mapping with policy"),
        ({"teacher": UCB | {"colour": 1}}, "colour"),
        ({"teacher": {"policy": "thompson_bernoulli"}}, "thompson_bernoulli needs Bernoulli rewards"),
        ({"contexts": "nowhere"}, "nowhere/buttons.yaml"),
    ],
)
def test_a_rollout_that_cannot_be_is_refused(refused: Callable, changes: dict, said: str) -> None:
    assert said in refused("rollout", **changes)


@pytest.mark.parametrize(
    ("method", "said"),
    [({"score": "rolling_regret"}, "window"), ({"score": "reward", "pool": "tasks"}, "pool"), ({"k": 0}, "k")],
)
def test_a_method_that_cannot_select_is_refused(refused: Callable, method: dict, said: str) -> None:
    assert said in refused("select", method={"name": "m", "score": "regret", "k": 2} | method)
