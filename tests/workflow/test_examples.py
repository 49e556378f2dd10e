"""docs/adding.md shows how to add each part by example. Each example is followed here, in a copy, as a reader would."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import yaml

from rmft.core.contexts import CHOICES, REASONS, context_from_config
from rmft.core.seeding import derive, fold
from rmft.models.chat import renderer
from rmft.models.engines import engine_of
from rmft.models.families import save
from rmft.models.policy import Policy
from rmft.models.speech import speech_from_config
from rmft.stages.config_files import lay_over

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^<!-- example: (\w+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"# (append to|write) (\S+)\n")
BLOCKS = BLOCK.findall((ROOT / "docs/adding.md").read_text())
IN_CONFIG_ALONE = ["task", "context", "method", "suite", "model", "numeric"]
IN_CODE = ["process", "baseline", "figure"]
MINE = ("small.yaml", "mine.yaml")
CONFIGS = ("config.yaml", "config.laptop.yaml", *MINE)
REAL = {"python": sys.executable, "evaluation": {"episodes": 300}}


@dataclass(frozen=True)
class Example:
    """A copy of the repository in which an example was followed, and what it lays over the config."""

    tree: object
    mine: dict

    def config(self) -> dict:
        """All of the config, as laid."""
        return reduce(lay_over, (yaml.safe_load((self.tree.folder / name).read_text()) for name in CONFIGS))

    def baselines(self, task: str, *names: str) -> list[pd.DataFrame]:
        """What baselines did on a task, the stages run by the workflow."""
        (self.tree.folder / "real.yaml").write_text(yaml.safe_dump(REAL))
        targets = [f"results/baselines/{task}/{name}.parquet" for name in names]
        done = self.tree.snakemake("--cores", "1", "--configfile", *MINE, "real.yaml", "--", *targets)
        assert done.returncode == 0, done.stderr
        return [pd.read_parquet(self.tree.folder / target) for target in targets]

    def module(self, name: str) -> ModuleType:
        """A module of the package as it stands here."""
        path = self.tree.folder / f"workflow/rmft/{name.replace('.', '/')}.py"
        spec = spec_from_file_location(f"{self.tree.folder.name}.{name}", path)
        loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded


def follow(tree: object, blocks: list[tuple[str, str]]) -> Example:
    """Do what the page says is done with the blocks (language, text) of an example."""
    mine: dict = {}
    (tree.folder / "mine.yaml").write_text("{}\n")
    for language, text in blocks:
        match language:
            case "yaml":
                mine = yaml.safe_load(text)
                (tree.folder / "mine.yaml").write_text(text)
            case "python":
                how, name = TARGET.match(text).groups()
                path = tree.folder / name
                before = f"{path.read_text()}\n\n" if how == "append to" else ""
                path.write_text(before + TARGET.sub("", text, count=1))
            case "sh":
                subprocess.run(["sh", "-euc", text], cwd=tree.folder, check=True, timeout=60)
            case other:
                raise AssertionError(f"docs/adding.md does not say what is done with {other}")
    return Example(tree, mine)


def of(name: str, before: str = "", after: str = "") -> list[tuple[str, str]]:
    """The blocks of an example, some text of them replaced."""
    blocks = [(language, text) for example, language, text in BLOCKS if example == name]
    assert any(before in text for _, text in blocks), f"the example {name} has no {before!r}"
    return [(language, text.replace(before, after, 1) if before else text) for language, text in blocks]


def check_config(example: Example) -> str:
    """What the config check says of the config with the example laid over it."""
    done = example.tree.python("-m", "rmft.stages.check_config", *CONFIGS)
    return (done.stdout + done.stderr).strip()


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


def snapshot(cache: Path) -> Path:
    """Where the cache of the hub has the example's model."""
    (entry,) = yaml.safe_load(of("model")[0][1])["models"].values()
    return cache / f"models--{entry['hub'].replace('/', '--')}/snapshots/{entry['revision']}"


@pytest.fixture(autouse=True)
def cached(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that has the example's model, small."""
    cache = tmp_path_factory.getbasetemp() / "hub"
    if not snapshot(cache).exists():
        save("llama", snapshot(cache), context_length=8192)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    return cache


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


JUDGES = {"rollout_heldout", "evaluate", "reason", "baseline"}
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
