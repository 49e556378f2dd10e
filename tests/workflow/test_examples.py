"""docs/adding.md shows how to add each part by example. Each example is followed here, in a copy, as a reader would."""

import re
from collections.abc import Callable

import pytest
from followed import BLOCKS, MINE, ROOT, Example, check_config, follow, of

pytestmark = pytest.mark.usefixtures("cached")
IN_CONFIG_ALONE = ["task", "context", "method", "suite", "model", "numeric"]
IN_CODE = ["process", "baseline", "figure"]
JUDGES = {"rollout_heldout", "evaluate", "reason", "baseline"}


def added_by(name: str, example: Example, jobs_of: Callable[[dict], dict[str, str]]) -> dict[str, str]:
    """The jobs that an example should add, before tables, figures and report."""
    jobs = jobs_of(example.config())
    if name == "suite":
        (task,) = example.mine["run"]["suites"]
        return {output: rule for output, rule in jobs.items() if f"/{task}/" in output and rule in JUDGES}
    if name in ("model", "numeric"):
        run = example.mine["run"]
        (task,) = run.get("numbers", run)["tasks"]
        return {output: rule for output, rule in jobs.items() if f"/{task}/" in output}
    if name == "figure":
        return {"results/figures/final_regret.pdf": "draw"}
    (new,) = example.mine[{"method": "methods", "baseline": "baselines"}.get(name, "tasks")]
    return {output: rule for output, rule in jobs.items() if new in re.split(r"[/.]", output)}


def test_every_part_has_its_example():
    assert {name for name, _, _ in BLOCKS} == {*IN_CONFIG_ALONE, *IN_CODE}
    assert len(re.findall("<!-- example", (ROOT / "docs/adding.md").read_text())) == len(BLOCKS)


@pytest.mark.parametrize("name", IN_CONFIG_ALONE)
def test_what_is_in_the_config_alone_adds_its_jobs_and_reruns_nothing(tree, jobs_of, before_the_end, name):
    example = follow(tree, of(name))
    assert check_config(example) == "config: ok"
    expected = added_by(name, example, jobs_of)
    assert expected
    assert before_the_end(tree.would_run(laid=MINE)) == expected


@pytest.mark.parametrize("name", IN_CODE)
def test_what_is_code_adds_its_jobs_to_the_plan(copied, jobs_of, name):
    before = copied.would_run()
    example = follow(copied, of(name))
    assert check_config(example) == "config: ok"
    expected = added_by(name, example, jobs_of)
    plan = copied.would_run(laid=MINE)
    assert {output: rule for output, rule in plan.items() if output not in before} == expected
    assert expected


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("task", "kind: gap, gap: 0.5", "kind: gap, gap: 1.5", "Bernoulli means must lie in [0, 1]"),
        ("task", "tasks: [mab-easy]", "tasks: [mab-eazy]", "run.tasks: mab-eazy is not defined under tasks"),
        ("process", "width: 0.3", "with: 0.3", "tasks.mab-triangular.rewards.with: unknown key"),
        ("process", "width: 0.3", "width: wide", "tasks.mab-triangular.rewards.width: must be of type number"),
        ("process", "PROCESSES[", "dict()[", "tasks.mab-triangular.rewards.kind: must be one of gaussian"),
        ("process", "random-k] #", "rmft-information] #", "rmft-information needs information regret"),
        ("context", "levers.yaml", "lever.yaml", "tasks.mab-levers.context: no levers in workflow/scenarios"),
        ("baseline", "temperature: 0.05", "heat: 0.05", "baselines.boltzmann.heat: unknown key"),
        ("baseline", "POLICIES[", "dict()[", "baselines.boltzmann.policy: must be one of random"),
        ("method", "k: 1", "k: 100", "methods.rmft-one.k: 100 is more than"),
        ("model", "history: keep", "history: all", "models.llama-3-1-8b.history: must be one of keep, strip, no_think"),
        (
            "model",
            "revision: 0e9e",
            "revision: 1e9e",
            "run `hf download meta-llama/Llama-3.1-8B-Instruct --revision 1e9e",
        ),
        ("numeric", "heads: 4", "heads: 5", "models.wide-softmax.width: 64 does not divide by heads (5)"),
        ("numeric", "tasks: [numbers-fol]", "tasks: [numbers-foll]", "run.numbers.tasks: numbers-foll is not defined"),
        ("suite", "  noisy:", "  noise:", "run.suites.ns-abrupt: noisy is not defined under suites"),
    ],
)
def test_a_wrong_example_is_refused(copied, name, before, after, said):
    line = check_config(follow(copied, of(name, before, after)))
    assert said in line
    assert "\n" not in line
