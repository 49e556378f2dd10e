"""What runs again after a change, and what does not."""

import os
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CELLS = "results/cells/tiny/mab-gaussian"
BASE = f"{CELLS}/base/seed0/iter0"


def test_a_finished_run_has_nothing_to_do(finished):
    assert (finished.folder / "results/tables/summary.csv").read_text() == "tables\n"  # nobody wrote over what he reads
    assert finished.would_run() == {}


def test_a_touch_a_comment_a_docstring_rerun_nothing(tree):
    for path in [*tree.folder.joinpath("workflow").rglob("*"), *tree.folder.glob("config*"), tree.folder / "Snakefile"]:
        os.utime(path)
    for path in tree.folder.joinpath("workflow/rmft").rglob("*.py"):
        text = path.read_text()
        assert text.startswith('"""'), f"{path} has no docstring"
        path.write_text('# A comment.\n"""Other words. ' + text[3:] + "\n# The end.\n")
    for path in [
        *tree.folder.glob("workflow/scenarios/*.yaml"),
        *tree.folder.glob("config*"),
        tree.folder / "Snakefile",
    ]:
        path.write_text(path.read_text() + "\n# A comment.\n")
    assert tree.would_run() == {}


def test_an_edited_regret_reruns_score_and_what_follows_but_no_base_rollout(tree):
    path = tree.folder / "workflow/rmft/core/regret.py"
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    jobs = tree.would_run()
    assert f"{BASE}/regret.parquet" in jobs
    assert f"{CELLS}/rmft/seed0/iter1/policy.json" in jobs
    assert f"{BASE}/trajectories.parquet" not in jobs
    assert f"{BASE}/heldout.parquet" not in jobs
    assert "pretrain" not in jobs.values()


def test_an_edited_figure_redraws_itself_alone(tree):
    path = tree.folder / "workflow/rmft/figures/reading.py"
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    again = {"results/figures/reading.pdf", "results/figures/manifest.json", "results/report.html"}
    assert set(tree.would_run()) - {"all"} == again


def test_an_edited_wording_reruns_what_reads_it(tree):
    tree.edit("workflow/scenarios/buttons.yaml", "Press one of the buttons", "Choose one of the buttons")
    rules = set(tree.would_run().values())
    assert {"pretrain", "rollout", "rollout_heldout"} <= rules
    assert "baseline" not in rules


def test_a_new_task_adds_its_own_cells_only(tree, before_the_end):
    short = {
        "environment": "mab",
        "arms": 2,
        "horizon": 5,
        "means": {"kind": "gap", "gap": 0.5},
        "rewards": {"kind": "bernoulli"},
        "context": "buttons",
    }
    tree.lay_over(
        tasks={"mab-short": short}, run={"seeds": [0], "iterations": 2, "tasks": ["mab-gaussian", "mab-short"]}
    )
    new = before_the_end(tree.would_run())
    assert f"{CELLS.replace('gaussian', 'short')}/rmft/seed0/iter2/evaluation.parquet" in new
    assert {output for output in new if "/mab-short/" not in output} == set()


def test_a_new_method_adds_its_own_cells_only(tree, before_the_end):
    methods = ["rmft", "rmft-information", "random-k", "rmft-one"]
    tree.lay_over(methods={"rmft-one": {"score": "regret", "k": 1}}, run={"methods": methods})
    new = before_the_end(tree.would_run())
    assert len(new) == 13
    assert {output for output in new if "/rmft-one/" not in output} == set()


def test_other_resources_of_a_model_rerun_nothing(tree):
    tree.edit("config.yaml", "minutes: 60 #", "minutes: 90 #")
    assert set(tree.would_run().values()) == {"report", "all"}  # the report prints the whole config


def test_more_iterations_and_seeds_rerun_nothing_old(tree, before_the_end):
    tree.lay_over(run={"iterations": 3, "seeds": [0, 1]})
    new = before_the_end(tree.would_run())
    assert f"{CELLS}/rmft/seed0/iter3/policy.json" in new
    assert [output for output in new if (tree.folder / output).exists()] == []


def test_another_k_reruns_that_method_from_its_selection_on(tree, before_the_end):
    tree.lay_over(methods={"rmft": {"score": "regret", "k": 3}})
    again = before_the_end(tree.would_run())
    assert f"{CELLS}/rmft/seed0/iter0/selected.jsonl" in again
    assert {output for output in again if "/rmft/" not in output} == set()


def test_the_model_is_not_pretrained_again_for_another_fine_tuning(tree):
    tree.edit("config.yaml", "epochs: 4", "epochs: 5")
    rules = set(tree.would_run().values())
    assert "sft" in rules
    assert "pretrain" not in rules


@pytest.mark.parametrize(
    ("deleted", "also", "untouched"),
    [
        (f"{BASE}/trajectories.parquet", f"{BASE}/regret.parquet", f"{BASE}/heldout.parquet"),
        (
            f"{CELLS}/rmft/seed0/iter1",
            f"{CELLS}/rmft/seed0/iter2/policy.json",
            f"{CELLS}/rmft/seed0/iter0/selected.jsonl",
        ),
        (f"{CELLS}/rmft/seed0/iter2/evaluation.parquet", "results/tables/evaluation.csv", f"{BASE}/regret.parquet"),
    ],
)
def test_what_is_deleted_is_made_again_with_what_depends_on_it(tree, deleted, also, untouched):
    path: Path = tree.folder / deleted
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = tree.would_run()
    assert any(output.startswith(deleted) for output in again)
    assert also in again
    assert untouched not in again
    assert not any("/random-k/" in output for output in again) or deleted.startswith(BASE)


def test_forcerun_reruns_the_rule_and_what_depends_on_it(finished):
    rules = finished.would_run("--forcerun", "select").values()
    assert {"select", "sft", "tables", "draw", "report"} <= set(rules)
    assert not {"pretrain", "base_policy", "baseline"} & set(rules)


def test_a_single_target_by_name(finished):
    target = "results/baselines/mab-gaussian/ucb.parquet"
    assert finished.would_run("--forcerun", target, "--", target) == {target: "baseline"}


def test_a_new_suite_is_played_by_every_policy_and_baseline_of_its_task_and_trains_none(tree, before_the_end):
    tree.lay_over(
        suites={"calm": {"rewards": {"kind": "gaussian", "noise": 0.01}}}, run={"suites": {"ns-abrupt": ["calm"]}}
    )
    again = before_the_end(tree.would_run())
    held_out = tree.folder.glob("results/cells/*/ns-abrupt/*/*/*/heldout.parquet")
    baselines = tree.folder.glob("results/baselines/ns-abrupt/*.parquet")
    judged = {path: "rollout_heldout" for path in held_out} | {path: "baseline" for path in baselines}
    played = [path for path, rule in judged.items() if rule != "baseline"]
    for name, rule in (("evaluation.parquet", "evaluate"), ("reasoning.parquet", "reason")):
        judged |= {path.with_name(name): rule for path in played}
    assert again == {str(path.relative_to(tree.folder)): rule for path, rule in judged.items()}
    assert set(again.values()) == {"rollout_heldout", "evaluate", "reason", "baseline"}


def test_a_suite_that_no_task_is_played_under_changes_nothing_but_the_config_in_the_report(tree):
    tree.lay_over(suites={"calm": {"rewards": {"kind": "gaussian", "noise": 0.01}}})
    assert set(tree.would_run()) == {"results/report.html", "all"}


def test_what_a_task_has_instead_adds_its_own_cells_only(tree, before_the_end):
    tree.lay_over(
        run={"instead": {"ns-abrupt": {"methods": ["rmft-once", "distil-ucb"], "seeds": [3], "iterations": 2}}}
    )
    new = before_the_end(tree.would_run())
    cells = "results/cells/tiny/ns-abrupt"
    assert {output for output in new if not output.startswith(cells)} == set()
    assert {output.split("/")[4] for output in new} == {"base", "rmft-once", "distil-ucb"}
    assert f"{cells}/rmft-once/seed3/iter1/policy.json" in new
    assert not any(output.startswith(f"{cells}/rmft-once/seed3/iter2") for output in new)
    assert f"{cells}/distil-ucb/seed3/iter0/trajectories.parquet" in new
    assert (
        f"{cells}/base/seed3/iter0/trajectories.parquet" not in new
    )  # neither learns from what the base policy played


def test_the_teacher_alone_reruns_for_another_constant(tree, before_the_end):
    tree.lay_over(run={"methods": ["rmft", "distil-ucb"]})
    before = before_the_end(tree.would_run())
    tree.lay_over(baselines={"ucb": {"constant": 2.5}})
    after = before_the_end(tree.would_run())
    assert {output for output in after if output not in before} == {
        str(path.relative_to(tree.folder)) for path in tree.folder.glob("results/baselines/*/ucb.parquet")
    }


def test_paper_laptop_reruns_nothing_that_reproduce_has_finished(tree, before_the_end):
    plan = before_the_end(tree.would_run(laid=("config.paper-laptop.yaml", "small.yaml")))
    assert "results/cells/tiny-online/fol-adaptive/distil-ucb/seed0/iter1/policy.json" in plan
    assert [output for output in plan if (tree.folder / output).exists()] == []


@pytest.mark.parametrize(("target", "rules"), [("figures", {"draw", "manifest"}), ("results/report.html", {"report"})])
def test_figures_and_report_need_tables_alone(tree, target, rules):
    """With everything but the tables gone: what the Makefile's targets may run is enough, and no other rule is asked for."""
    for name in ("cells", "models", "baselines", "theory"):
        shutil.rmtree(tree.folder / "results" / name)
    for name in ("results/figures", ".snakemake"):
        shutil.rmtree(tree.folder / name)
    (tree.folder / "results/report.html").unlink()
    allowed = re.search(rf"--allowed-rules (.*) -- {target}$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    jobs = tree.would_run("--allowed-rules", *allowed, "--", target)
    assert rules <= set(jobs.values()) <= {"draw", "manifest", "report", "figures"}
