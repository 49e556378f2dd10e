"""The language model to measure with, and dialogues of it: the pipeline's own where `make reproduce` has made it."""

import json
import os
import shutil
from functools import cache
from pathlib import Path

import torch
import yaml
from measure import ROOT, SCRATCH, say

from rmft.core.contexts import context_from_config
from rmft.core.prompts import Context
from rmft.core.tasks import Task, draw_episodes, task_from_config
from rmft.core.trajectory import Trajectory
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.policy import Policy, load, load_tokenizer
from rmft.models.pretrain import pretrain
from rmft.models.transformers_engine import TransformersEngine

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
WORDING = ROOT / "workflow/scenarios/buttons.yaml"
SHORT = 2400  # dialogues of a pretraining for the benchmark alone: enough to keep to the form
CONTEXT = 1 << 20  # tokens: no dialogue here reaches it
ARMS = CONFIG["tasks"]["mab-gaussian"]["arms"]


def task_of(horizon: int) -> Task:
    """The learning task with another T."""
    return task_from_config("mab-gaussian", CONFIG["tasks"]["mab-gaussian"] | {"horizon": horizon})


@cache
def context() -> Context:
    """The wording of the task."""
    return context_from_config(yaml.safe_load(WORDING.read_text()), arms=ARMS)


@cache
def folder() -> Path:
    """A copy of RMFT_BENCH_MODEL or of results/models/tiny; without either, a short pretraining's own result."""
    entry, own = CONFIG["models"]["tiny"], SCRATCH / "tiny"
    named, made = os.environ.get("RMFT_BENCH_MODEL"), ROOT / "results/models/tiny"
    if named or (made / "pretrain.json").exists():
        return shutil.copytree(named or made, SCRATCH / "measured", dirs_exist_ok=True)
    stamp = json.dumps(entry)
    if not (own / "entry.json").exists() or (own / "entry.json").read_text() != stamp:
        say(f"no results/models/tiny: pretraining a model on {SHORT} dialogues")
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True)
        pretrain(entry | {"pretraining": entry["pretraining"] | {"dialogues": SHORT}}, context(), own)
        (own / "entry.json").write_text(stamp)
    return own


def engine(kind: type[TransformersEngine] = TransformersEngine) -> TransformersEngine:
    """An engine on one thread, with the pipeline's sampling. Its context has no end: speed is measured, not sense."""
    torch.set_num_threads(1)
    policy = Policy("transformers", str(folder()), None, None, "", None, 0, {})
    sampling = CONFIG["rollout"]
    how = {"temperature": sampling["temperature"], "max_new_tokens": sampling["max_new_tokens"]}
    made = kind(load(policy), load_tokenizer(policy), **how)
    made.context_length = CONTEXT
    return made


def dialogues(player: TransformersEngine, horizon: int, scenarios: range) -> list[Trajectory]:
    """One episode of T steps on each scenario, all side by side."""
    task = task_of(horizon)
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "benchmark"}
    episodes = draw_episodes(task, **where, scenarios=scenarios, per_scenario=1)
    return play(
        player, renderer(player.tokenizer), context(), task, episodes, max_reasks=CONFIG["rollout"]["max_reasks"]
    )
