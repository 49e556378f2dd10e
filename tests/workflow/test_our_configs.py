"""Our own configs can run; paper-laptop runs all that the config defines, and keeps what reproduce plays."""

import pytest

from rmft.core.drifts import DRIFTS
from rmft.core.information import knowable
from rmft.core.rewards import PROCESSES
from rmft.core.tasks import CHOICES, task_from_config, under_suite
from rmft.stages.check_config import WORKFLOW, complaint
from rmft.stages.config_files import read_configs

ROOT = WORKFLOW.parent
PAPER = read_configs([ROOT / "config.yaml"])
LAPTOP = read_configs([ROOT / "config.yaml", ROOT / "config.laptop.yaml"])
PAPER_LAPTOP = read_configs([ROOT / "config.yaml", ROOT / "config.laptop.yaml", ROOT / "config.paper-laptop.yaml"])


@pytest.mark.parametrize("config", [PAPER, LAPTOP, PAPER_LAPTOP], ids=["paper", "laptop", "paper-laptop"])
def test_our_own_configs_can_run(config):
    assert complaint(config) is None


def played(config: dict) -> list[tuple[str, dict]]:
    """Every task that models play, and every task under each of its suites, by the task's name."""
    run, tasks = config["run"], config["tasks"]
    suites = [(task, config["suites"][name]) for task in run["tasks"] for name in run["suites"].get(task, [])]
    return [(task, tasks[task]) for task in run["tasks"]] + [(t, under_suite(tasks[t], change)) for t, change in suites]


def test_paper_laptop_leaves_nothing_out():
    run, entries = PAPER_LAPTOP["run"], [entry for _, entry in played(PAPER_LAPTOP)]
    crowd = PAPER_LAPTOP["models"]["tiny-worlds"]["pretraining"]["crowd"]["tasks"]
    numbers = run["numbers"]["tasks"]
    assert {*run["tasks"], *run["calibration_tasks"], *numbers} == set(PAPER_LAPTOP["tasks"])
    suites = {name for task in run["tasks"] + numbers for name in run["suites"].get(task, [])}
    assert suites == set(PAPER_LAPTOP["suites"])
    assert {entry["rewards"]["kind"] for entry in entries} == set(PROCESSES)
    assert {entry.get("drift", {"kind": "constant"})["kind"] for entry in entries} == set(DRIFTS)
    for key, first in {"interaction": "dialogue", "output": "action", "reasoning": "free", "shown": "raw"}.items():
        assert {entry.get(key, first) for entry in entries} == set(CHOICES[key])
    assert {entry["environment"] for entry in entries} == set(CHOICES["environment"])
    assert {entry["context"] for entry in entries} == {path.stem for path in (WORKFLOW / "scenarios").glob("*.yaml")}
    learnt = {PAPER_LAPTOP["tasks"][name]["context"] for name in crowd}
    assert {PAPER_LAPTOP["tasks"][name]["context"] for name in run["tasks"]} == learnt


def test_paper_laptop_runs_every_method_on_every_task_that_it_is_defined_on():
    run, methods = PAPER_LAPTOP["run"], PAPER_LAPTOP["methods"]
    assert {*run["methods"], *run["numbers"]["methods"]} == set(methods)
    methods = {name: entry for name, entry in methods.items() if entry.get("targets") not in ("hindsight", "regret")}
    for name in run["tasks"]:
        unknown = knowable(task_from_config(name, PAPER_LAPTOP["tasks"][name]))
        own = run["instead"].get(name, {})
        lacking = {method for method, entry in methods.items() if unknown and entry["score"] == "information_regret"}
        assert set(own.get("methods", run["methods"])) == set(methods) - lacking, name
        assert (own.get("seeds", run["seeds"]), own.get("iterations", run["iterations"])) == (
            run["seeds"],
            run["iterations"],
        )


def test_paper_laptop_keeps_suites_and_baselines_of_what_reproduce_plays():
    for task in LAPTOP["run"]["tasks"]:
        of = [config["run"]["instead"].get(task, {}).get("baselines") for config in (LAPTOP, PAPER_LAPTOP)]
        assert of[0] == of[1]
        assert LAPTOP["run"]["suites"].get(task) == PAPER_LAPTOP["run"]["suites"].get(task)
