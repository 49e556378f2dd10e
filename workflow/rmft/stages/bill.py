"""bill: what closed models will cost, before the first request. Nothing is sent by it.

    python -m rmft.stages.bill --configs config.yaml mine.yaml

Of every stage of every cell: episodes, requests, tokens and dollars, from the words of the task and the prices of the
model's entry. With --output (the rule does so before anything plays) it is an error where max_usd does not cover the bill.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rmft.core.prices import MESSAGE, REPLY, Prices, Steps, tokens_of
from rmft.core.tasks import task_from_config
from rmft.stages import files, grid, program
from rmft.stages.check_config import WORKFLOW
from rmft.stages.config_files import read_configs
from rmft.stages.wording import read_context

KEY = "OPENAI_API_KEY"
CONTEXTS = WORKFLOW / "scenarios"
ASKING = ("rollout", "rollout_shard", "rollout_heldout", "probe", "sft")  # rules whose time is the provider's
KINDS = 3  # of histories that a probe asks on; each request is reckoned as a whole episode's conversation
_HEAD = (
    "stage",
    "task",
    "suite",
    "method",
    "cells",
    "episodes",
    "T",
    "O",
    "S",
    "R",
    "told",
    "sampled",
    "trained",
    "usd",
)


@dataclass(frozen=True)
class Item:
    """What a job of a cell (``place``: rule/model/task/method/seed/iteration) will cost, of one suite.

    horizon, opening, shown, reply: T, O, S, R of the formula. told, sampled, trained: tokens; trained: of all epochs.
    """

    place: str
    suite: str
    episodes: int
    horizon: int
    opening: float
    shown: float
    reply: float
    told: float
    sampled: float
    trained: float
    usd: float


def steps_of(name: str, entry: dict, terms: dict, contexts: Path) -> Steps:
    """How an episode of a task is told, by its context's words."""
    task = task_from_config(name, entry)
    context = read_context(contexts, task)

    def tokens(text: str) -> float:
        return tokens_of(text, terms["characters_per_token"])

    half, arms = [0.5] * task.arms, range(task.arms)
    shows = [context.show_all(a, half) if task.environment == "fol" else context.show(a, 0.5) for a in arms]
    shown = sum(map(tokens, shows)) / task.arms
    reply = terms["reply_tokens"]
    if task.interaction == "summary":
        middle = context.summary(task.horizon // 2 + 1, task.horizon, [task.horizon // 2] * task.arms, half)
        return Steps(task.horizon, tokens(middle), 0.0, reply, summary=True)
    return Steps(task.horizon, tokens(context.opening(task.horizon)), shown, reply)


def items(config: dict, name: str, contexts: Path) -> list[Item]:
    """The bill of a model: what every cell of the selection plays and trains, each once."""
    found: dict[tuple[str, str], Item] = {}
    for run in grid.runs(config):
        if run["model"] == name:
            found |= {(item.place, item.suite): item for item in _of_run(config, run, contexts)}
    return list(found.values())


def _of_run(config: dict, run: dict, contexts: Path) -> Iterator[Item]:
    """The jobs of one run."""
    model, task = run["model"], run["task"]
    cell = {key: run[key] for key in ("model", "task", "method", "seed")}
    entry, terms = config["models"][model], config["models"][model]["terms"]
    alone = steps_of(task, config["tasks"][task], terms, contexts)
    scenarios, times = (of(config, model, run["method"]) for of in (grid.training_scenarios, grid.per_scenario))
    for t in range(run["iterations"] + 1):
        tuned = t > 0
        held = _place("rollout_heldout", grid.policy_cell(**cell, iteration=t))
        for suite, changed in grid.under_suites(config, task).items():
            steps = steps_of(task, changed, terms, contexts)
            yield _play(held, suite, grid.heldout_episodes(config, task), steps, terms, tuned)
        if t in (0, run["iterations"]):
            asked = KINDS * config["probe"]["histories"] * config["probe"]["replies"]
            place = _place("probe", grid.policy_cell(**cell, iteration=t))
            yield _play(place, "", asked, Steps(1, alone.trained, 0.0, alone.reply, alone.summary), terms, tuned)
        if t < run["iterations"]:
            place = _place("rollout", grid.rollout_cell(config, **cell, iteration=t))
            yield _play(place, "", scenarios * times, alone, terms, tuned)
        if tuned:
            kept = scenarios * config["methods"][run["method"]]["k"]
            yield _train(_place("sft", grid.own(**cell, iteration=t)), kept, alone, entry)


def _place(rule: str, folder: str) -> str:
    return folder.replace("results/cells", rule, 1)


def _play(place: str, suite: str, episodes: int, steps: Steps, terms: dict, tuned: bool) -> Item:
    told, sampled = episodes * steps.prompt, episodes * steps.sampled
    usd = Prices(**terms["prices"]).play(told, sampled, tuned=tuned, batch=terms["mode"] == "batch")
    return Item(place, suite, episodes, *_inputs(steps), told, sampled, 0.0, usd)


def _train(place: str, kept: int, steps: Steps, entry: dict) -> Item:
    epochs = entry["sft"]["n_epochs"]
    trained = kept * steps.trained * (epochs if isinstance(epochs, int) else 3)
    usd = Prices(**entry["terms"]["prices"]).training(trained)
    return Item(place, "", kept, *_inputs(steps), 0.0, 0.0, trained, usd)


def _inputs(steps: Steps) -> tuple[int, float, float, float]:
    return steps.horizon, steps.opening, steps.shown, steps.reply


def table(found: Sequence[Item]) -> list[str]:
    """A line for the cells that differ by seed and iteration alone, each amount that of one of them but for usd."""
    groups: dict[tuple, list[Item]] = {}
    for item in found:
        rule, _, task, method = item.place.split("/")[:4]
        rates = asdict(item) | {"place": "", "usd": round(item.usd, 9)}
        groups.setdefault((rule, task, item.suite, method, *rates.values()), []).append(item)
    rows = [_HEAD, *(_row(key, group) for key, group in groups.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return ["  ".join(f"{cell:{'<' if i < 4 else '>'}{widths[i]}}" for i, cell in enumerate(row)) for row in rows]


def _row(key: tuple, group: list[Item]) -> tuple[str, ...]:
    one, usd = group[0], sum(item.usd for item in group)
    inputs = (f"{x:.1f}" for x in (one.opening, one.shown, one.reply))
    amounts = (f"{x:,.0f}" for x in (one.told, one.sampled, one.trained))
    return (*key[:4], str(len(group)), str(one.episodes), str(one.horizon), *inputs, *amounts, f"{usd:.2f}")


def said(config: dict, name: str, found: Sequence[Item]) -> list[str]:
    """The bill in lines: its table, its formula with the inputs, and whether max_usd covers it."""
    terms, usd = config["models"][name]["terms"], sum(item.usd for item in found)
    prices = ", ".join(f"{key} {value:g}" for key, value in terms["prices"].items())
    covered = "covers it" if usd <= terms["max_usd"] else "does NOT cover it: nothing will be sent"
    return [
        f"{name} ({config['models'][name]['model']}, {terms['mode']})",
        *table(found),
        "told = episodes x (T (O + 3) + (R + 4 + S) T (T - 1) / 2); in a summary episodes x T (O + 3), O that "
        "halfway; sampled = episodes x T R",
        f"trained = epochs x episodes x (O + T (R + 4) + (T - 1) S), in a summary epochs x episodes x T (O + 4 + R); tokens "
        f"of a text = characters / {terms['characters_per_token']:g} + {MESSAGE} (and {REPLY} a request)",
        f"dollars per million tokens: {prices} (tuned: iterations from 1 on; batch: a factor)",
        "told, sampled, trained: of one cell; usd: of all cells of the line. Asking again is not in it.",
        f"{name}: {usd:.2f} dollars; max_usd {terms['max_usd']:g} {covered}",
    ]


def selected(config: dict) -> list[str]:
    """The closed models that the selection plays."""
    played = dict.fromkeys(run["model"] for run in grid.runs(config))
    return [name for name in played if config["models"][name]["kind"] == "api"]


def waits(config: dict, place: str) -> bool:
    """Whether the job of a place (rule/model/...) waits on a provider, so that no hours can be told of it."""
    rule, model = f"{place}/".split("/")[:2]
    return rule in ASKING and config["models"].get(model, {}).get("kind") == "api"


def tokens(config: dict, contexts: Path) -> dict[str, tuple[float, float]]:
    """Tokens that every job of a selected closed model is told and says, by its place."""
    counts: dict[str, tuple[float, float]] = {}
    for item in (item for name in selected(config) for item in items(config, name, contexts)):
        told, said = counts.get(item.place, (0.0, 0.0))
        counts[item.place] = (told + item.told, said + item.sampled)
    return counts


def waiting(terms: dict, found: Sequence[Item]) -> str:
    """How long the provider may take for jobs of a bill."""
    if terms["mode"] == "live":
        return f"each reply as soon as its rate limits let it, {terms['concurrency']} at a time"
    steps = max((item.horizon for item in found if item.place.startswith("rollout")), default=1)
    return f"a rollout for {steps} batches or more, of up to 24 h each"


def work(args: Namespace) -> None:
    """Print the bills; with --output, write the one bill."""
    config = program.entry(args.config, "--config", "models", "run") if args.config else read_configs(args.configs)
    names = [args.model_name] if args.model_name else selected(config)
    if args.model_name and args.model_name not in selected(config):
        raise ValueError(f"{args.model_name}: is not selected in run.models, so that nothing is sent; select it")
    if not names:
        print("bill: no closed model is selected in run: 0 dollars")
    for name in names:
        found = items(config, name, args.contexts)
        print("\n".join(said(config, name, found)), flush=True)
        if not os.environ.get(KEY):
            print(f"{KEY} is not set: nothing will be sent", flush=True)
        if args.output:
            _write(args.output, config["models"][name]["terms"], found)


def _write(output: Path, terms: dict, found: list[Item]) -> None:
    usd = sum(item.usd for item in found)
    bill = {"usd": usd, "covered": usd <= terms["max_usd"], "terms": terms, "items": [asdict(item) for item in found]}
    files.write_text(output, json.dumps(bill, indent=1) + "\n")
    if not bill["covered"]:
        raise ValueError(
            f"max_usd: {terms['max_usd']:g} dollars do not cover the bill of {usd:.2f}; raise terms.max_usd of the model"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("bill", description=__doc__.split("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--configs", nargs="+", type=Path, help="config files, later ones laid over earlier ones")
    source.add_argument("--config", help="the whole config, JSON")
    parser.add_argument("--model-name", help="the one model whose bill is made")
    parser.add_argument("--contexts", type=Path, default=CONTEXTS, help="folder of the contexts, yaml")
    parser.add_argument("--output", type=Path, help="bill.json, with the terms by which jobs ask and pay")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
