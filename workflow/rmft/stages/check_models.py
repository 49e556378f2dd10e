"""What can be wrong with a model's entry, and with what it is to play: one line each, that names the key and the mend.

Nothing heavier than numpy is imported here: the Snakefile asks at every parse.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rmft.core.contexts import context_from_config
from rmft.models import hub as hubs
from rmft.models.hub import PINNED, folder_of, lacking, positions
from rmft.stages import grid
from rmft.stages.schema import mend
from rmft.stages.yaml_files import read_yaml

CONTEXTS = Path(__file__).parents[2] / "scenarios"
_WORDED = ("environment", "interaction", "output", "reasoning", "shown")
_CHARACTERS = 3  # of a message to a token, at least [ours]: English takes four or more


def of_kinds(config: dict) -> Iterator[str]:
    """Models among those of the other kind: words, or numbers."""
    run = config["run"]
    kinds = [("models", run["models"], False), ("numbers.models", run["numbers"]["models"], True)]
    kinds += [(f"instead.{task}.models", own.get("models", []), False) for task, own in run["instead"].items()]
    for key, names, numbers in kinds:
        for name in names:
            if grid.numeric(config, name) != numbers:
                found, place = config["models"][name]["kind"], "run.models" if numbers else "run.numbers.models"
                yield f"run.{key}: {name} is of kind {found}; move it to {place}"


def of_numbers(config: dict) -> Iterator[str]:
    """Sizes that do not fit, and suites that a network cannot read."""
    for name, model in config["models"].items():
        if model["kind"] == "numeric" and model["width"] % model["heads"]:
            yield f"models.{name}.width: {model['width']} does not divide by heads ({model['heads']}); make it a multiple"
        if model["kind"] == "numeric" and model["sft"]["loss"] == "cross_entropy" and model["space"] != "logits":
            yield f"models.{name}.sft.loss: cross_entropy needs the space logits; write squared"
    run = config["run"]
    for task in run["numbers"]["tasks"]:
        for suite in run["suites"].get(task, []):
            if config["suites"][suite].get("more_arms", 0) > 0:
                yield f"run.suites.{task}: {suite} has more arms than the network that is trained on the task; take it out"


def of_crowds(config: dict) -> Iterator[str]:
    """A crowd that cannot play, and workers that cannot share a batch."""
    for name, model in config["models"].items():
        if model["kind"] != "pretrain":
            continue
        training = model["pretraining"]
        crowd = training["crowd"]
        if not sum(crowd["mixture"].values()) > 0:
            yield f"models.{name}.pretraining.crowd.mixture: all weights are 0; raise one"
        for task in crowd["tasks"]:
            key = f"models.{name}.pretraining.crowd.tasks"
            if task not in config["tasks"]:
                yield f"{key}: {task} is not defined under tasks; {mend(task, config['tasks'])}"
            elif config["tasks"][task]["horizon"] < config["tasks"][task]["arms"] + 2:
                yield f"{key}: {task} must have arms + 2 steps or more; raise its horizon"
        if training["batch"] % training["workers"]:
            yield f"models.{name}.pretraining.batch: {training['batch']} does not divide by workers; make it a multiple"


def ready(config: dict) -> dict[str, dict]:
    """The open models, by name."""
    return {name: entry for name, entry in config["models"].items() if entry["kind"] == "open"}


def of_open(config: dict) -> Iterator[str]:
    """Settings of an open model that need or exclude each other."""
    for name, entry in ready(config).items():
        sft = entry["sft"]
        for key in ("rank", "alpha", "target_modules"):
            if sft["adapter"] == "lora" and key not in sft:
                yield f"models.{name}.sft.{key}: missing; adapter lora needs it"
        if entry["tokens_per_step"] > entry["context_length"]:
            yield f"models.{name}.tokens_per_step: {entry['tokens_per_step']} is more than context_length; lower it"


def opening(entry: dict) -> int:
    """Tokens that open a conversation of a task, at most: the rules, or all that a summary tells at its last step."""
    how = {key: entry[key] for key in _WORDED if key in entry}
    context = context_from_config(wording(CONTEXTS / f"{entry['context']}.yaml"), arms=entry["arms"], **how)
    text = context.opening(entry["horizon"])
    if entry.get("interaction") == "summary":
        last, many = entry["horizon"], [entry["horizon"]] * entry["arms"]
        text = context.summary(last, last, many, [0.5] * entry["arms"])
    return -(-len(text) // _CHARACTERS)


@cache
def wording(path: Path) -> dict:
    """What a context's file says; many tasks share one."""
    return read_yaml(path)


def of_contexts(config: dict) -> Iterator[str]:
    """Conversations that an open model has no room for, on every task and suite that it is selected for."""
    models = ready(config)
    played = {(run["model"], run["task"]) for run in grid.runs(config) if run["model"] in models}
    for model, task in sorted(played):
        per_step, room = models[model]["tokens_per_step"], models[model]["context_length"]
        for suite, entry in grid.under_suites(config, task).items():
            steps = 1 if entry.get("interaction") == "summary" else entry["horizon"]
            if (needed := opening(entry) + steps * per_step) > room:
                where = task if suite == "in-distribution" else f"{task} under {suite}"
                yield (
                    f"models.{model}.context_length: {room} tokens do not hold {where}: {opening(entry)} to open it + "
                    f"{steps} steps x {per_step} (tokens_per_step) = {needed}; let it play fewer steps, or summaries, or "
                    "answer in fewer tokens"
                )


def of_weights(config: dict) -> Iterator[str]:
    """Selected open models that are not at hand, whole, before a job is queued that would find that out."""
    models, chosen = ready(config), {run["model"] for run in grid.runs(config)}
    for name in sorted(chosen & models.keys()):
        entry, folder = models[name], folder_of(models[name])
        hub, revision = entry["hub"], entry["revision"]
        if "local_path" in entry:
            if lost := lacking(folder):
                yield f"models.{name}.local_path: {folder} lacks {lost}; copy the whole model there"
        elif not PINNED.fullmatch(revision):
            seen = f"; here {revision} is {folder.name}" if folder.is_dir() else ""
            yield f"models.{name}.revision: {revision} moves; write the commit of {hub}, 40 hex digits, or local_path{seen}"
        elif lost := lacking(folder):
            yield (
                f"models.{name}.hub: {hub} is not in the cache {hubs.cache()} (it lacks {lost}); run `hf download {hub} "
                f"--revision {revision}` (where that asks for a token, HF_TOKEN), or name a folder with it as local_path"
            )
        most = positions(folder)
        if most and entry["context_length"] > most:
            yield f"models.{name}.context_length: {entry['context_length']} is more than the {most} of {folder}; lower it"


def of_vllm(config: dict) -> Iterator[str]:
    """Selected models that vLLM is to play, where the interpreter of their jobs has none."""
    chosen = sorted({run["model"] for run in grid.runs(config)})
    if not (names := [name for name in chosen if config["models"][name].get("engine") == "vllm"]):
        return
    python = config.get("pythons", {}).get("vllm", config.get("python", sys.executable))
    search = "import sys; from importlib.util import find_spec; sys.exit(find_spec('vllm') is None)"
    try:
        lost = subprocess.run([python, "-c", search], capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        lost = error
    if lost:
        yield (
            f"models.{names[0]}.engine: {python} has no vllm ({lost}); run `make .venv-vllm/ready` (a CPU) or install "
            "envs/vllm.txt (GPUs), and name that interpreter under pythons.vllm"
        )


def of_api(config: dict) -> Iterator[str]:
    """Methods that a closed model cannot learn by, and batches that hold no request."""
    for run in grid.runs(config):
        if config["models"][run["model"]]["kind"] == "api" and "teacher" in config["methods"][run["method"]]:
            yield f"run.methods: {run['method']} has a teacher, which no closed model ({run['model']}) has; see run.instead"
    for name, entry in config["models"].items():
        if entry["kind"] == "api" and entry["terms"]["batch_tokens"] <= entry["max_new_tokens"]:
            yield f"models.{name}.terms.batch_tokens: holds no request with a reply of max_new_tokens; raise it"
