"""Models with numbers in and out are cells like any other, and no business of the models in words."""

import re

import yaml

from rmft.stages.config_files import lay_over

SELECTION = {"tasks": ["numbers-fol", "numbers-mab"], "methods": ["rmft", "hindsight"], "seeds": [0], "iterations": 2}
SMALL = {"run": {"instead": {"numbers-mab": {"methods": ["rmft"], "iterations": 1}}, "numbers": SELECTION}}


def jobs(tree, *targets: str) -> list[str]:
    """The cells (rule, then task/method/seed/iteration) that a dry run lists of the numeric model."""
    overlay = tree.folder / "numbers.yaml"
    overlay.write_text(yaml.safe_dump(SMALL))
    done = tree.snakemake("--dry-run", "--configfile", "numbers.yaml", "--", *targets)
    assert done.returncode == 0, done.stderr
    found = re.findall(
        r"^rule (\w+):\n(?:    .*\n)*?    output: results/cells/transformer/(\S+?)/[a-z.]+[,\n]", done.stdout, re.M
    )
    return sorted(f"{rule} {cell}" for rule, cell in found)


def test_each_iteration_has_the_same_rules_and_files(copied):
    found = jobs(copied)
    fol = [job for job in found if " numbers-fol/" in job]
    assert "untrained_policy numbers-fol/base/seed0/iter0" in fol
    for t in (1, 2):
        for rule in ("sft", "rollout_heldout", "evaluate"):
            assert f"{rule} numbers-fol/rmft/seed0/iter{t}" in fol
    assert "rollout numbers-fol/rmft/seed0/iter1" in fol
    assert "rollout numbers-fol/hindsight/seed0/iter0" in fol  # as many scenarios as two iterations have, at once
    assert not [job for job in fol if "hindsight/seed0/iter2" in job]
    assert not [job for job in found if "base_policy" in job or "numbers-mab/rmft/seed0/iter2" in job]


def test_a_numeric_cell_needs_no_language_model_and_explores_while_it_gathers_alone(copied):
    target = "results/cells/transformer/numbers-fol/rmft/seed0/iter1/evaluation.parquet"
    said = copied.snakemake("--dry-run", "--printshellcmds", target).stdout
    assert "rule untrained_policy:" in said
    assert "rule pretrain:" not in said
    explores = {
        rule: "exploration" in body for rule, body in re.findall(r"^rule (rollout\w*):\n((?:.+\n)*)", said, re.M)
    }
    assert explores == {"rollout": True, "rollout_heldout": False}


def test_none_of_its_models_leaves_all_of_it_out(copied):
    config = lay_over(SMALL, {"run": {"numbers": {"models": []}}})
    (copied.folder / "none.yaml").write_text(yaml.safe_dump(config))
    done = copied.snakemake("--dry-run", "--configfile", "none.yaml")
    assert done.returncode == 0, done.stderr
    assert "/transformer/" not in done.stdout
    assert "baselines/numbers-" not in done.stdout
