"""A config that cannot run is refused by one line that names the key and the mend."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from rmft.stages.check_config import WORKFLOW, complaint, lay_over, main

ROOT = WORKFLOW.parent
PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())
LAPTOP = lay_over(PAPER, yaml.safe_load((ROOT / "config.laptop.yaml").read_text()))
SCHEMA = yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text())
DELETE = object()

# (path of the key, its new value, what the line must say)
MUTANTS = [
    ("run.iteratons", 3, "run.iteratons: unknown key; did you mean iterations"),
    ("rolout", {}, "rolout: unknown key; did you mean rollout"),
    ("run.iterations", 0, "run.iterations: must be 1 or more, not 0"),
    ("run.iterations", "five", "run.iterations: must be of type integer, not 'five'"),
    ("run.iterations", True, "run.iterations: must be of type integer"),
    ("run.iterations", 2.0, "run.iterations: must be of type integer"),
    ("run.models", ["tinny"], "run.models: tinny is not defined under models; did you mean tiny?"),
    ("run.tasks", ["mab-gausian"], "run.tasks: mab-gausian is not defined under tasks; did you mean mab-gaussian?"),
    ("run.methods", ["rmtf"], "run.methods: rmtf is not defined under methods; did you mean rmft?"),
    ("run.baselines", ["ucb2"], "run.baselines: ucb2 is not defined under baselines; did you mean ucb"),
    ("run.calibration_tasks", ["hard"], "run.calibration_tasks: hard is not defined under tasks; one of: fol-gaussian"),
    ("run.calibration_tasks", ["mab-gaussian"], "run.calibration_tasks: mab-gaussian is in run.tasks too; take it out"),
    ("run.tasks", [], "run.tasks: must name at least one"),
    ("run.tasks", "mab-gaussian", "run.tasks: must be of type array"),
    ("run.seeds", [0, 0], "run.seeds: must not say a thing twice"),
    ("run.seeds", [-1], "run.seeds.0: must be 0 or more, not -1"),
    ("run.methods", DELETE, "run.methods: missing; Names under methods"),
    (
        "rollout.trajectories_per_scenario",
        1,
        "methods.rmft.k: 2 is more than rollout.trajectories_per_scenario (1); lower",
    ),
    ("rollout.temperature", 0, "rollout.temperature: must be above 0, not 0"),
    ("rollout.temperature", float("nan"), "rollout.temperature: must be of type number"),
    ("rollout.temperature", "1e-3", "rollout.temperature: must be of type number, not the text '1e-3'; write 0.001"),
    ("evaluation.episodes", -5, "evaluation.episodes: must be 1 or more, not -5"),
    ("tasks.mab-gaussian.horizon", 0, "tasks.mab-gaussian.horizon: must be 1 or more, not 0"),
    ("tasks.mab-gaussian.arms", 1, "tasks.mab-gaussian.arms: must be 2 or more, not 1"),
    ("tasks.mab-gaussian.arms", 11, "tasks.mab-gaussian.arms: context buttons names 10 arms, not 11"),
    ("tasks.mab-gaussian.rewards.noise", -0.1, "tasks.mab-gaussian.rewards.noise: must be 0 or more, not -0.1"),
    ("tasks.mab-gaussian.rewards.noise", DELETE, "tasks.mab-gaussian.rewards.noise: missing"),
    (
        "tasks.mab-gaussian.rewards.kind",
        "gausian",
        "rewards.kind: must be one of gaussian, bernoulli, uniform",
    ),
    ("tasks.mab-gaussian.rewards.kind", "bernoulli", "tasks.mab-gaussian.rewards.noise: unknown key"),
    ("tasks.mab-gaussian.means.low", 0.9, "tasks.mab-gaussian.means.low: must lie below high, not 0.9 >= 0.9"),
    ("tasks.mab-bernoulli-hard.means.gap", 1.2, "tasks.mab-bernoulli-hard.rewards: Bernoulli means must lie in [0, 1]"),
    (
        "tasks.mab-gaussian.context",
        "button",
        "tasks.mab-gaussian.context: no button in workflow/scenarios; did you mean",
    ),
    ("tasks.MAB_x", PAPER["tasks"]["mab-gaussian"], "tasks: 'MAB_x' must be made of a-z, 0-9 and single hyphens"),
    (
        "tasks.ns-abrupt.drift",
        {"kind": "abrupt", "hazard": 2},
        "tasks.ns-abrupt.drift.hazard: must be 1 or less, not 2",
    ),
    ("tasks.ns-abrupt.drift.kind", "jump", "tasks.ns-abrupt.drift.kind: must be one of constant, sine, linear"),
    ("tasks.ns-abrupt.drift", DELETE, "tasks.ns-abrupt.drift: must not be constant in ns-mab"),
    ("tasks.mab-gaussian.drift", {"kind": "sine", "amplitude": 0.1, "period": 5}, "drift: must be constant in mab"),
    ("tasks.fol-gaussian.rewards", {"kind": "cauchy", "scale": 0.1}, "tasks.fol-gaussian.rewards.clip: missing"),
    ("run.tasks", ["ns-abrupt"], "run.tasks: ns-abrupt is for baselines alone as yet"),
    ("baselines.hedge.eta", -1, "baselines.hedge.eta: must be above 0"),
    ("methods.base", {"score": "regret", "k": 2}, "methods.base: the name is reserved"),
    ("methods.rmft.k", 9, "methods.rmft.k: 9 is more than rollout.trajectories_per_scenario (8)"),
    ("methods.rmft.score", "reward", "methods.rmft.score: must be one of regret, information_regret, random"),
    ("baselines.ucb.growth", DELETE, "baselines.ucb.growth: missing"),
    ("baselines.greedy.epsilon", 0.1, "baselines.greedy.epsilon: unknown key"),
    ("baselines.eps-greedy.epsilon", 1.5, "baselines.eps-greedy.epsilon: must be 1 or less, not 1.5"),
    (
        "models.tiny.sft.adapter",
        "Lora",
        "models.tiny.sft.adapter: must be one of none, lora, not 'Lora'; did you mean lora",
    ),
    ("models.tiny.pretraining.crowd.horizon", 4, "models.tiny.pretraining.crowd.horizon: must be arms + 2 or more"),
    ("models.tiny.kind", "llama", "models.tiny.kind: must be one of pretrain"),
    ("door", "lptop", "door: must be one of laptop, cluster, not 'lptop'; did you mean laptop?"),
    ("models.tiny", None, "models.tiny: must be of type object"),
]


def mutant(key: str, value: object) -> dict:
    """The laptop's config with one key changed or deleted."""
    config = copy.deepcopy(LAPTOP)
    *path, last = key.split(".")
    place = config
    for name in path:
        place = place[name]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return config


@pytest.mark.parametrize("config", [PAPER, LAPTOP], ids=["paper", "laptop"])
def test_our_own_configs_can_run(config):
    assert complaint(config) is None


@pytest.mark.parametrize(("key", "value", "said"), MUTANTS)
def test_refused_by_one_line_that_names_key_and_mend(key, value, said):
    line = complaint(mutant(key, value))
    assert line is not None
    assert said in line
    assert "\n" not in line


def test_lists_replace_and_mappings_merge():
    assert lay_over({"a": {"b": [1, 2], "c": 1}}, {"a": {"b": [3]}}) == {"a": {"b": [3], "c": 1}}


def test_the_program_says_the_same_line(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("run: {iterations: 0}")
    assert main([str(ROOT / "config.yaml"), str(bad)]) == 1
    assert capsys.readouterr().err == "config: run.iterations: must be 1 or more, not 0\n"
    assert main([str(ROOT / "config.yaml"), str(ROOT / "config.laptop.yaml")]) == 0


def test_snakemake_refuses_before_the_first_job_without_a_traceback(finished):
    (finished.folder / "bad.yaml").write_text("methods: {rmft: {k: 17}}")
    done = finished.snakemake("--cores", "1", "--configfile", "bad.yaml")
    assert done.returncode == 1
    assert "config: methods.rmft.k: 17 is more than" in done.stderr
    assert "Traceback" not in done.stderr
    assert "rule " not in done.stdout


def described(schema: dict, at: str = "") -> list[str]:
    """Paths of the properties that lack a description."""
    bare = []
    for key, value in schema.get("properties", {}).items():
        bare += [f"{at}.{key}"] if not value.get("description") else []
        bare += described(value, f"{at}.{key}")
    for part in [schema.get("then"), schema.get("additionalProperties"), *schema.get("allOf", [])]:
        bare += described(part, at) if isinstance(part, dict) else []
    return bare


def objects(schema: object, at: str = "") -> list[str]:
    """Paths of the mappings with fixed keys that would accept an unknown one."""
    if not isinstance(schema, dict):
        return []
    fixed = schema.get("type") == "object" and "properties" in schema
    closed = "additionalProperties" in schema or "allOf" in schema
    return [at] * (fixed and not closed) + [
        path for key, value in schema.items() for path in objects(value, f"{at}.{key}")
    ]


def test_every_key_of_the_schema_is_described_and_every_mapping_closed():
    assert described(SCHEMA) == []
    assert objects(SCHEMA) == []


@pytest.mark.parametrize("name", ["config.yaml", "config.laptop.yaml"])
def test_every_key_of_the_config_is_commented(name):
    lines = Path(ROOT / name).read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r" *[a-z0-9_-]+:", line)]
    assert keys
    assert [lines[i] for i in keys if " # " not in lines[i] and not lines[i - 1].lstrip().startswith("#")] == []
