"""What each example of docs/adding.md adds does what it says, and one that does something else is noticed."""

import json
import os
import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from rmft.core.contexts import CHOICES, REASONS, context_from_config
from rmft.core.seeding import derive, fold
from rmft.models.chat import renderer
from rmft.models.engines import engine_of
from rmft.models.policy import Policy
from rmft.models.speech import speech_from_config

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic
from followed import MINE, REAL, Example, follow, of, snapshot

pytestmark = pytest.mark.usefixtures("cached")


def check_task(example: Example) -> None:
    """The baselines play it as it says: four arms, fifteen steps, and the best of them finds the good arm."""
    ((task, entry),) = example.mine["tasks"].items()
    played = example.baselines(task, *example.mine["run"]["baselines"])
    assert {len(curve) for episodes in played for curve in episodes["curve"]} == {15}
    random, ucb, thompson = (episodes["regret"].mean() for episodes in played)
    assert random == pytest.approx(15 * entry["means"]["gap"] * 3 / 4, abs=0.3)  # 3 of 4 arms fall short by the gap
    assert max(ucb, thompson) < 0.8 * random


def check_process(example: Example) -> None:
    """Rewards about the mean that they say, of the variance width^2 / 6, within the width; and a baseline plays it."""
    ((task, entry),) = example.mine["tasks"].items()
    kind, width = entry["rewards"].values()
    process = example.module("core.rewards").PROCESSES[kind](width)
    off = process.draw(np.full((5000, 20, 2), 0.4), seeds=fold(derive("example"), np.arange(5000))) - 0.4
    assert abs(off.mean()) < 4 * width / (6 * off.size) ** 0.5
    assert off.std() == pytest.approx(width / 6**0.5, rel=0.02)
    assert 0.9 * width < abs(off).max() <= width
    ucb, random = example.baselines(task, "ucb", "random")
    assert ucb["regret"].mean() < 0.8 * random["regret"].mean()


def check_context(example: Example) -> None:
    """It words every environment and output in its own words, and reads back what it words."""
    (task,) = example.mine["tasks"].values()
    entry = yaml.safe_load((example.tree.folder / f"workflow/scenarios/{task['context']}.yaml").read_text())
    said = []
    for environment in CHOICES["environment"]:
        act, share = (context_from_config(entry, arms=3, environment=environment, output=o) for o in CHOICES["output"])
        for arm, reason in product(range(3), REASONS):
            assert act.parse(act.reply(reason, arm, 0.5)) == arm
            assert share.read(share.reply_shares(reason, arm, 0.5, [0.2, 0.3, 0.5])).policy == (0.2, 0.3, 0.5)
        summary = act.summary(2, 20, [1, 0, 0], [0.5, 0, 0])
        said += [act.opening(20), share.opening(20), act.show_all(0, [0.1] * 3), summary, act.reply("any", 0)]
    assert [text for text in said if not re.search(r"lever|pull", text, re.IGNORECASE)] == []
    assert [text for text in said if re.search(r"button|press", text, re.IGNORECASE)] == []


def check_baseline(example: Example) -> None:
    """It plays as well as one that looks at what was paid; and its legend says its constant."""
    ((name, entry),) = example.mine["baselines"].items()
    assert f"{entry['temperature']:g}" in example.module("core.policies").label(entry)
    played, blind = example.baselines("mab-gaussian", name, "random")
    assert played.groupby("suite").size().to_dict() == blind.groupby("suite").size().to_dict()
    known, unknown = (each[each["suite"] == "in-distribution"]["regret"] for each in (played, blind))
    assert (known >= 0).all()
    assert known.mean() < 0.7 * unknown.mean()


def check_suite(example: Example) -> None:
    """A baseline is judged on it beside the task as it stands, and noisier rewards cost it more."""
    (task,) = example.mine["run"]["suites"]
    (episodes,) = example.baselines(task, "ucb")
    assert set(episodes["suite"]) == {"in-distribution", *example.mine["run"]["suites"][task]}
    regret = episodes.groupby("suite")["regret"].mean()
    assert regret["noisy"] > 1.1 * regret["in-distribution"]


def check_model(example: Example) -> None:
    """A model of its architecture is spoken to as the entry says, and plays."""
    (entry,) = example.mine["models"].values()
    folder, speech = snapshot(Path(os.environ["HF_HUB_CACHE"])), speech_from_config(entry)
    engine = engine_of(
        Policy("transformers", str(folder), None, None, "", None, 0, {}), speech, temperature=0, max_new_tokens=8
    )
    render = renderer(engine.tokenizer, speech)
    said = engine.tokenizer.decode(render.opening("Hello?", "Be brief."))
    assert "Today Date: 26 Jul 2024\n\nBe brief.<|eot_id|>" in said
    assert said.endswith("Hello?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
    ((reply,),) = [engine.open(1).reply([render.opening("Hello?", "Be brief.")], np.zeros(1, np.uint64))]
    assert len(reply) == 8 or reply[-1] in render.stops


def check_numeric(example: Example) -> None:
    """An iteration on few scenarios lowers its regret."""
    run = {"scenarios": 256, "episodes": 256, "chunk_episodes": 4096}
    (example.tree.folder / "real.yaml").write_text(yaml.safe_dump(REAL | {"run": {"numbers": run}}))
    ((model,), (task,)) = (example.mine["run"]["numbers"][key] for key in ("models", "tasks"))
    cells = [
        f"results/cells/{model}/{task}/{cell}/evaluation.parquet" for cell in ("base/seed0/iter0", "rmft/seed0/iter1")
    ]
    done = example.tree.snakemake("--cores", "1", "--configfile", *MINE, "real.yaml", "--", *cells)
    assert done.returncode == 0, done.stderr
    before, after = (pd.read_parquet(example.tree.folder / cell).query("suite == 'in-distribution'") for cell in cells)
    assert after["regret"].mean() < 0.9 * before["regret"].mean()


def check_figure(example: Example) -> None:
    """It is drawn from tables of a made-up experiment, and its rows are the last iteration of each method."""
    results = synthetic.write_results(example.tree.folder / "made-up", 24, 6, 6, iterations=2)
    tables = synthetic.write_tables(results, iterations=2)
    output = [str(example.tree.folder / f"final_regret.{kind}") for kind in ("png", "csv")]
    done = example.tree.python(
        "-m", "rmft.stages.draw", "--figure", "final_regret", "--tables", str(tables), "--output", *output
    )
    assert done.returncode == 0, done.stderr
    shown, whole = pd.read_csv(output[1]), pd.read_csv(tables / "summary.csv")
    assert set(shown["seed"]) == {"all"}
    assert set(shown["method"]) == set(whole.query("kind == 'policy' and iteration > 0")["method"])
    assert not shown.duplicated(["model", "task", "method"]).any()
    assert Path(output[0]).stat().st_size > 5000


CHECKS: dict[str, Callable[[Example], None]] = {
    "task": check_task,
    "process": check_process,
    "context": check_context,
    "baseline": check_baseline,
    "suite": check_suite,
    "model": check_model,
    "numeric": check_numeric,
    "figure": check_figure,
}


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_added_works(copied, name):
    CHECKS[name](follow(copied, of(name)))


def test_the_method_selects_the_best_alone(cell, stage, tmp_path):
    ((name, entry),) = yaml.safe_load(of("method")[0][1])["methods"].items()
    flags = {"trajectories": cell / "0/trajectories.parquet", "regret": cell / "0/regret.parquet"}
    made = {"output": tmp_path / "selected.jsonl", "summary": tmp_path / "selection.json"}
    ended = stage("select", **flags, method={"name": name, **entry}, **made)
    assert ended.status == 0, ended.stderr
    scored = pd.read_parquet(cell / "0/regret.parquet").query("eligible")
    chosen = [json.loads(line)["regret"] for line in (tmp_path / "selected.jsonl").read_text().splitlines()]
    assert sorted(chosen) == sorted(scored.groupby("scenario_id")["regret"].min())


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("process", "(first + second - 1)", "(first + second - 0.9)"),
        ("context", "s/press/pull/g", "s/paid/earned/g"),
        ("context", "s/Press/Pull/g", "s/{arm}/{name}/g"),
        ("baseline", "average - average.max(axis=0)", "average.max(axis=0) - average"),
        ("suite", "noise: 0.3", "noise: 0.01"),
        ("model", "date_string: 26", "date_string: 27"),
        ("model", "[<|eot_id|>", "[<|eot|>"),
        ("numeric", "learning_rate: 0.01", "learning_rate: 0.0000001"),
        ("figure", "evidence.ends(", "("),
        ("task", "horizon: 15", "horizon: 3"),
    ],
)
def test_an_example_that_does_something_else_fails(copied, name, before, after):
    example = follow(copied, of(name, before, after))
    with pytest.raises((AssertionError, ValueError)):
        CHECKS[name](example)
