"""A config that cannot run is refused by one line that names the key and the mend."""

import copy

import pytest
import yaml

from rmft.stages.check_config import WORKFLOW, complaint, main
from rmft.stages.config_files import lay_over

ROOT = WORKFLOW.parent
PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())
LAPTOP = lay_over(PAPER, yaml.safe_load((ROOT / "config.laptop.yaml").read_text()))
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
    (
        "run.calibration_tasks",
        ["hard"],
        "run.calibration_tasks: hard is not defined under tasks; one of: fol-distribution",
    ),
    ("run.calibration_tasks", ["mab-gaussian"], "run.calibration_tasks: mab-gaussian is in run.tasks too; take it out"),
    ("run.tasks", [], "run.tasks: must name at least one"),
    ("run.tasks", "mab-gaussian", "run.tasks: must be of type array"),
    ("run.seeds", [0, 0], "run.seeds: must not say a thing twice"),
    ("run.seeds", [-1], "run.seeds.0: must be 0 or more, not -1"),
    ("run.methods", DELETE, "run.methods: missing; add it: Names under methods"),
    (
        "rollout.trajectories_per_scenario",
        1,
        "methods.rmft.k: 2 is more than rollout.trajectories_per_scenario (1); lower",
    ),
    ("rollout.shards", 9, "rollout.shards: 9 is more than the chunks of a rollout ("),
    ("rollout.shards", 0, "rollout.shards: must be 1 or more, not 0"),
    # of every model that is laid over tiny
    ("models.tiny.resources.gpus", -1, ".resources.gpus: must be 0 or more, not -1"),
    ("models.tiny.resources.mem", 1, ".resources.mem: unknown key; did you mean mem_mb?"),
    ("rollout.temperature", 0, "rollout.temperature: must be above 0, not 0"),
    ("rollout.temperature", float("nan"), "rollout.temperature: must be of type number"),
    ("rollout.temperature", "1e-3", "rollout.temperature: must be of type number, not the text '1e-3'; write 0.001"),
    ("tasks.mab-gaussian.horizon", "20", ".horizon: must be of type integer, not the text '20'; write 20"),
    ("tasks.mab-gaussian.horizon", 20.0, ".horizon: must be of type integer, not 20.0; write 20"),
    ("tasks.mab-gaussian.horizon", 1e300, ".horizon: must be of type integer, not 1e+300"),
    ("tasks.mab-gaussian.horizon", 20.5, ".horizon: must be of type integer, not 20.5"),
    ("run.tasks", "mab-gaussian", "run.tasks: must be of type array, not 'mab-gaussian'; write ['mab-gaussian']"),
    ("signatures.alike.diversity", 1.5, "signatures.alike.diversity: must be 1 or less, not 1.5"),
    ("signatures.degenerate.least", 0.95, "signatures.degenerate.least: must lie below most, not 0.95 >= 0.95"),
    ("signatures.flat.after", 0, "signatures.flat.after: must be 1 or more, not 0"),
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
    ("tasks.mab-gaussian.means.low", 0.9, "tasks.mab-gaussian: means: low: must lie below high, not 0.9 >= 0.9"),
    (
        "tasks.mab-bernoulli-hard.means.gap",
        1.2,
        "tasks.mab-bernoulli-hard: rewards: Bernoulli means must lie in [0, 1]",
    ),
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
    ("tasks.ns-abrupt.drift", DELETE, "tasks.ns-abrupt: drift: must not be constant in ns-mab"),
    ("tasks.mab-gaussian.drift", {"kind": "sine", "amplitude": 0.1, "period": 5}, "drift: must be constant in mab"),
    ("tasks.fol-gaussian.rewards", {"kind": "cauchy", "scale": 0.1}, "tasks.fol-gaussian.rewards.clip: missing"),
    (
        "tasks.mab-summary.interaction",
        "talk",
        "tasks.mab-summary.interaction: must be one of dialogue, summary, not 'talk'",
    ),
    (
        "tasks.mab-gaussian.shown",
        "importance_weighted",
        "tasks.mab-gaussian: shown: importance_weighted needs output distribution",
    ),
    ("run.instead.fol-gausian", {}, "run.instead: fol-gausian is not defined under tasks; did you mean fol-gaussian?"),
    (
        "run.instead.fol-gaussian",
        {"methods": ["rmtf"]},
        "run.instead.fol-gaussian: rmtf is not defined under methods; did you mean rmft?",
    ),
    (
        "run.instead.fol-gaussian",
        {"baselines": ["hegde"]},
        "run.instead.fol-gaussian: hegde is not defined under baselines; did you mean hedge?",
    ),
    ("run.instead.fol-gaussian", {"methods": []}, "run.instead.fol-gaussian.methods: must name at least one"),
    ("run.instead.fol-gaussian", {"iterations": 0}, "run.instead.fol-gaussian.iterations: must be 1 or more, not 0"),
    ("run.instead.fol-gaussian", {"seeds": [1, 1]}, "run.instead.fol-gaussian.seeds: must not say a thing twice"),
    (
        "run.instead.fol-gaussian",
        {"suites": ["sine"]},
        "run.instead.fol-gaussian.suites: unknown key; one of: baselines",
    ),
    (
        "run.suites.mab-gausian",
        ["sine"],
        "run.suites: mab-gausian is not defined under tasks; did you mean mab-gaussian",
    ),
    (
        "run.suites.mab-gaussian",
        ["sin"],
        "run.suites.mab-gaussian: sin is not defined under suites; did you mean sine?",
    ),
    ("run.suites.mab-gaussian", ["sine", "sine"], "run.suites.mab-gaussian: must not say a thing twice"),
    ("suites.fewer-arms.more_arms", -2, "run.suites.mab-gaussian: fewer-arms: arms must be 2 or more"),
    ("suites.horizon-2x", {}, "suites.horizon-2x: must say at least one thing"),
    ("suites.unseen-context.context", "crops", "run.suites.mab-gaussian: unseen-context.context: no crops in workflow"),
    ("suites.sine.rewards", {"kind": "bernoulli"}, "run.suites.mab-gaussian: sine: rewards: Bernoulli means must lie"),
    (
        "tasks.ns-abrupt.drift",
        {"kind": "sine", "amplitude": 0.1, "period": 5},
        "rmft-information needs information regret",
    ),
    ("baselines.hedge.eta", -1, "baselines.hedge.eta: must be above 0"),
    ("methods.base", {"score": "regret", "k": 2}, "methods.base: the name is reserved"),
    ("methods.rmft.k", 9, "methods.rmft.k: 9 is more than rollout.trajectories_per_scenario (8)"),
    ("methods.rmft.score", "luck", "methods.rmft.score: must be one of regret, information_regret, reward"),
    ("methods.rmft.window", 5, "methods.rmft.window: belongs to the score rolling_regret, and to no other"),
    ("methods.rmft-rolling.window", DELETE, "methods.rmft-rolling.window: belongs to the score rolling_regret"),
    ("methods.distil-ucb.teacher", "ucd", "methods.distil-ucb.teacher: no ucd under baselines; did you mean ucb?"),
    (
        "methods.rmft.targets",
        "final",
        "methods.rmft.targets: must be one of all, answer, hindsight, regret, not 'final'",
    ),
    ("methods.rmft-once.once", False, "methods.rmft-once.once: must be one of True, not False"),
    ("baselines.ucb.growth", DELETE, "baselines.ucb.growth: missing"),
    ("baselines.greedy.epsilon", 0.1, "baselines.greedy.epsilon: unknown key"),
    ("baselines.eps-greedy.epsilon", 1.5, "baselines.eps-greedy.epsilon: must be 1 or less, not 1.5"),
    (
        "models.tiny.sft.adapter",
        "Lora",
        "sft.adapter: must be one of none, lora, not 'Lora'; did you mean lora",
    ),
    (
        "tasks.ns-abrupt.horizon",
        4,
        "models.tiny.pretraining.crowd.tasks: ns-abrupt must have arms + 2 steps or more",
    ),
    ("models.tiny.pretraining.crowd.tasks", {"mab": 1}, "crowd.tasks: mab is not defined under tasks; one of: fol-"),
    ("models.tiny.pretraining.crowd.tasks", {}, "models.tiny.pretraining.crowd.tasks: must say at least one thing"),
    ("models.tiny.pretraining.workers", 3, "models.tiny.pretraining.batch: 8 does not divide by workers"),
    ("models.tiny.kind", "llama", "models.tiny.kind: must be one of pretrain"),
    ("run.numbers.models", ["tiny"], "run.numbers.models: tiny is of kind pretrain; move it to run.models"),
    ("run.models", ["transformer"], "run.models: transformer is of kind numeric; move it to run.numbers.models"),
    (
        "run.numbers.tasks",
        ["mab-gaussian"],
        "run.numbers.tasks: mab-gaussian is in run.tasks or run.calibration_tasks too",
    ),
    ("run.numbers.methods", ["rmft-answers"], "run.methods: rmft-answers is not for the models that play numbers-fol"),
    ("run.methods", ["hindsight"], "run.methods: hindsight is not for the models that play mab-gaussian"),
    (
        "run.instead.numbers-mab.methods",
        ["regret-loss"],
        "regret-loss needs full information, which numbers-mab has not",
    ),
    ("run.suites.numbers-mab", ["more-arms"], "run.suites.numbers-mab: more-arms has more arms than the network"),
    (
        "run.numbers.trajectories_per_scenario",
        1,
        "methods.rmft.k: 2 is more than run.numbers.trajectories_per_scenario",
    ),
    ("models.transformer.heads", 3, "models.transformer.width: 32 does not divide by heads (3); make it a multiple"),
    ("models.transformer.space", "simplex", "models.transformer.sft.loss: cross_entropy needs the space logits"),
    ("models.transformer.exploration.per", "run", "models.transformer.exploration.per: must be one of episode, step"),
    ("models.transformer.layers", 2, "models.transformer.layers: unknown key"),
    ("baselines.hedge-tuned.tune", [1], "baselines.hedge-tuned.tune: "),
    ("baselines.random.tune", [1, 2], "baselines.random.tune: unknown key"),
    ("door", "lptop", "door: must be one of laptop, cluster, not 'lptop'; did you mean laptop?"),
    ("theory.spaces", ["cube"], "theory.spaces.0: must be one of ball, simplex, not 'cube'"),
    ("theory.theorem.arms", [1], "theory.theorem.arms.0: must be 2 or more, not 1"),
    ("theory.theorem.stepz", 5, "theory.theorem.stepz: unknown key; did you mean steps?"),
    ("theory.limit.exponents", [1.5], "theory.limit.exponents.0: must be 1 or less, not 1.5"),
    (
        "theory.policies.architectures",
        ["sofmax"],
        "theory.policies.architectures: sofmax is not defined under models; did you mean softmax?",
    ),
    ("theory.policies.models.softmax.heads", 3, "theory.policies.models.softmax.width: 32 does not divide by heads"),
    ("models.tiny", None, "models.tiny: must be of type object"),
]


def mutant(key: str, value: object) -> dict:
    """The laptop's config, with the suites that it leaves out, with one key changed or deleted."""
    config = copy.deepcopy(lay_over(LAPTOP, {"run": {"suites": PAPER["run"]["suites"]}}))
    *path, last = key.split(".")
    place = config
    for name in path:
        place = place[name]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return config


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
