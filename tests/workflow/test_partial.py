"""Parts of a finished experiment, made again by the commands that README gives: exactly their jobs, and none other."""

import re
import shlex

import pytest

from rmft.stages.check_config import WORKFLOW

CELLS = "results/cells/tiny"
CELL = f"{CELLS}/mab-gaussian/rmft/seed0/iter1"
PLAYED = ("policy.json", "trajectories.parquet", "regret.parquet", "heldout.parquet", "evaluation.parquet")
AFTER = {
    "tables",
    "growth",
    "tracking",
    "reasoning_tables",
    "signatures",
    "claims",
    "draw",
    "manifest",
    "report",
    "all",
}
TABLES = {"results/tables/evaluation.csv", "results/report.html", "all"}


def typed(about: str) -> list[str]:
    """The arguments of the command that README gives for something."""
    line = re.search(
        rf"^snakemake (.*?) +# {re.escape(about)}$", (WORKFLOW.parent / "README.md").read_text(), re.MULTILINE
    )
    assert line, about
    return shlex.split(line[1])


def jobs(tree, about: str) -> dict[str, str]:
    """What the command would run, the shell's stars put in: rule by output."""
    words = []
    for word in typed(about):
        found = sorted(str(path.relative_to(tree.folder)) for path in tree.folder.glob(word)) if "*" in word else []
        words += found or [word]
    return tree.would_run(*words)


def cells(found: dict[str, str]) -> set[str]:
    return {output for output in found if output.startswith(("results/cells", "results/models", "results/baselines"))}


def test_one_cell(finished):
    found = jobs(finished, "one cell: trained again, played and judged")
    assert found == {
        f"{CELL}/policy.json": "sft",
        f"{CELL}/trajectories.parquet": "rollout",
        f"{CELL}/regret.parquet": "score",
        f"{CELL}/heldout.parquet": "rollout_heldout",
        f"{CELL}/evaluation.parquet": "evaluate",
    }


def test_one_iteration_and_what_follows_it(finished):
    found = jobs(finished, "one iteration of a run, and what follows it")
    next_cell = CELL.replace("iter1", "iter2")
    names = ("policy.json", "heldout.parquet", "evaluation.parquet", "reasoning.parquet")
    played = {f"{CELL}/{name}" for name in ("trajectories.parquet", "regret.parquet", "selected.jsonl")}
    played.add(f"{next_cell}/probes.jsonl")
    assert cells(found) == {f"{cell}/{name}" for cell in (CELL, next_cell) for name in names} | played
    assert set(found) >= TABLES


@pytest.mark.parametrize(
    ("about", "inside"),
    [("one task", "results/cells/tiny-online/fol-gaussian/"), ("one model, from its beginning", f"{CELLS}/")],
)
def test_all_of_one_task_or_model(finished, about, inside):
    found = jobs(finished, about)
    everything = {
        str(path.relative_to(finished.folder))
        for name in (*PLAYED, "reasoning.parquet", "probes.jsonl")
        for path in (finished.folder / inside).rglob(name)
    }
    made = {output for output in cells(found) if output.startswith(inside) and not output.endswith("selected.jsonl")}
    assert made == everything
    assert {output for output in cells(found) if not output.startswith(inside)} <= {
        "results/models/tiny/model.safetensors"
    }
    assert set(found) >= TABLES


@pytest.mark.parametrize(
    ("about", "rules"),
    [
        ("evaluation alone", {"rollout_heldout", "evaluate", "reason"}),
        ("other metrics of what was played", {"evaluate"}),
    ],
)
def test_evaluation_alone(finished, about, rules):
    found = jobs(finished, about)
    assert set(found.values()) == rules | AFTER
    policies = len(list((finished.folder / "results/cells").rglob("policy.json")))
    assert sum(rule == "evaluate" for rule in found.values()) == policies


def test_figures_alone(finished):
    assert set(jobs(finished, "figures alone").values()) == {"draw", "figures"}
