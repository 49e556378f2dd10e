"""What the config alone says of a job: by hand, and in proportion."""

import re
from pathlib import Path

import pytest

from rmft.stages import expected
from rmft.stages.config_files import lay_over, read_configs

ROOT = Path(__file__).parents[2]
ROLLOUT = "rollout/tiny/mab-gaussian/rmft/seed0/iter1"


@pytest.fixture(scope="module")
def config() -> dict:
    return read_configs([ROOT / "config.yaml", ROOT / "config.laptop.yaml"])


def steps(config: dict, place: str) -> float:
    return sum(play.steps for play in expected.plays(config, place))


def test_steps_by_hand(config):
    m, length = config["rollout"]["scenarios"], config["rollout"]["trajectories_per_scenario"]
    assert steps(config, ROLLOUT) == m * length * 20
    assert steps(config, ROLLOUT.replace("rmft", "rmft-once")) == m * length * 20 * config["run"]["iterations"]
    assert steps(config, ROLLOUT.replace("rollout", "sft", 1)) == m * 2 * 4 * 20  # k = 2, four epochs
    assert steps(config, ROLLOUT.replace("rollout", "rollout_heldout", 1)) == config["evaluation"]["episodes"] * 20
    suites = {"run": {"suites": {"mab-gaussian": ["horizon-2x", "bernoulli"]}}}
    wider = steps(lay_over(config, suites), ROLLOUT.replace("rollout", "rollout_heldout", 1))
    assert wider == config["evaluation"]["episodes"] * (20 + 40 + 20)


def test_tokens_of_a_bandit_of_full_information_and_of_numbers(config):
    episodes = config["rollout"]["scenarios"] * config["rollout"]["trajectories_per_scenario"]
    told, replied = expected.tokens(config, ROLLOUT)
    assert told == pytest.approx(episodes * 20 * expected.TOLD)
    assert replied == pytest.approx(episodes * 20 * expected.REPLIED)
    fol = expected.tokens(config, "rollout/tiny-online/fol-gaussian/rmft/seed0/iter1")
    assert fol == pytest.approx((told / expected.TOLD * 4 * expected.TOLD_OF_ALL, replied))  # of three arms
    assert expected.tokens(config, "rollout/transformer/numbers-fol/rmft/seed0/iter1") == (0, 0)
    assert expected.tokens(config, "sft/tiny/mab-gaussian/rmft/seed0/iter1") == (0, 0)


def test_shards_share_the_tokens_and_leave_none_to_what_puts_them_together(config):
    sharded = lay_over(config, {"rollout": {"shards": 4}})
    whole = expected.tokens(config, ROLLOUT)
    shard = expected.tokens(sharded, ROLLOUT.replace("rollout", "rollout_shard", 1) + "-0-of-4")
    assert shard == pytest.approx((whole[0] / 4, whole[1] / 4))
    assert expected.tokens(sharded, ROLLOUT) == (0, 0)
    assert expected.seconds(sharded, ROLLOUT) == expected.SECONDS_OF_WORDS["rollout"].start
    numbers = "rollout/transformer/numbers-fol/rmft/seed0/iter1"
    assert expected.seconds(sharded, numbers) == expected.seconds(config, numbers)


@pytest.mark.parametrize("rule", ["rollout", "rollout_heldout", "sft"])
@pytest.mark.parametrize("cell", ["tiny/mab-gaussian/rmft/seed0/iter1", "transformer/numbers-fol/rmft/seed0/iter1"])
def test_twice_the_episodes_take_twice_the_work_and_one_start(config, rule, cell):
    numbers = config["run"]["numbers"]
    twice = lay_over(config, {
        "rollout": {"scenarios": 2 * config["rollout"]["scenarios"]},
        "evaluation": {"episodes": 2 * config["evaluation"]["episodes"]},
        "run": {"numbers": {"scenarios": 2 * numbers["scenarios"], "episodes": 2 * numbers["episodes"]}},
    })  # fmt: skip
    rates = expected.SECONDS | expected.SECONDS_OF_WORDS if cell.startswith("tiny") else expected.SECONDS
    place, start = f"{rule}/{cell}", rates[rule].start
    assert expected.seconds(twice, place) - start == pytest.approx(2 * (expected.seconds(config, place) - start))


def test_every_rule_of_the_rules_has_its_seconds():
    """So that a new rule is not taken for a second by oversight."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert rules - {"figures"} == expected.SECONDS.keys() | expected.SECONDS_OF_WORDS.keys()


def test_the_hours_of_an_open_model_are_those_of_its_weights_and_tokens(config):
    """4 N operations a token for adapters, 2 N more where blocks are computed again; twice the GPUs, half the time."""
    place = "sft/qwen3-8b/mab-gaussian/rmft/seed0/iter1"
    entry = config["models"]["qwen3-8b"]
    tokens = config["rollout"]["scenarios"] * 2 * entry["sft"]["epochs"] * 20 * entry["tokens_per_step"]
    known = tokens * 6 * 8.2e9 / (312e12 * 0.4)
    assert expected.seconds(config, place) == pytest.approx(120 + known)
    twice = lay_over(config, {"models": {"qwen3-8b": {"resources": {"gpus": 2}}}})
    assert expected.seconds(twice, place) == pytest.approx(120 + known / 2)
    plain = lay_over(config, {"models": {"qwen3-8b": {"sft": {"activation_checkpointing": False}}}})
    assert expected.seconds(plain, place) == pytest.approx(120 + known * 4 / 6)
