"""Who buys from the test provider, and on which terms."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

import pytest
from provider import Provider
from pyarrow.parquet import read_table

from rmft.core.prompts import Context
from rmft.core.tasks import Task, draw_episodes
from rmft.models.openai_buyer import Buyer
from rmft.models.openai_play import Played, play
from rmft.models.openai_requests import Speaker
from rmft.models.openai_terms import Served, terms_from_config

KEY = "sk-test-0123456789abcdef"
PRICES = {"prompt": 0.15, "sampled": 0.6, "tuned_prompt": 0.3, "tuned_sampled": 1.2, "trained": 3.0, "batch": 0.5}
TERMS = {
    "mode": "live",
    "concurrency": 4,
    "batch_tokens": 20000,
    "batch_requests": 50000,
    "batch_megabytes": 200,
    "timeout_seconds": 2,
    "retries": 2,
    "give_up_seconds": 8,
    "poll_seconds": 0.05,
    "patience_hours": 0.005,
    "characters_per_token": 4.0,
    "reply_tokens": 12,
    "least_examples": 10,
    "example_tokens": 65536,
    "training_megabytes": 512,
    "prices": PRICES,
    "max_usd": 10.0,
}
CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
SAMPLING = {"temperature": 1.0, "max_reasks": 1, "chunk_episodes": 1000000}
TUNING = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.0}

ADVERTISING = {
    "environment": "mab",
    "arms": 3,
    "horizon": 6,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "online-advertising",
}
THEORY = {
    "spaces": ["ball"],
    "theorem": {
        "arms": [2],
        "horizons": [10],
        "scales": [1.0],
        "covariances": ["isotropic"],
        "seeds": [0],
        "steps": 20,
    },
    "limit": {"trajectories": {"trajectory": [2], "step": [2]}, "exponents": [0.0], "seeds": [0], "steps": 20},
    "policies": {"architectures": ["linear"], "seeds": [0], "steps": 20, "episodes": 64},
}


def closed_config(url, **terms):
    """A small experiment with a closed model alone, laid over the laptop's."""
    entry = {"kind": "api", "model": "closed-mini", "base_url": url, "max_new_tokens": 24, "sft": {"n_epochs": 1}}
    entry |= {"terms": TERMS | terms, "resources": {"gpus": 0, "mem_mb": 1000, "minutes": 60}}
    run = {"models": ["closed"], "tasks": ["mab-advertising"], "methods": ["rmft"], "seeds": [0], "iterations": 2}
    run |= {"suites": {"mab-advertising": ["summary"]}, "baselines": ["random", "ucb"], "numbers": {"models": []}}
    return {
        "run": run | {"calibration_tasks": [], "calibration_baselines": []},
        "models": {"closed": entry},
        "tasks": {"mab-advertising": ADVERTISING},
        "rollout": {"scenarios": 12, "trajectories_per_scenario": 3},
        "evaluation": {"episodes": 8},
        "probe": {"histories": 1, "replies": 1},
        "theory": THEORY,
    }


@dataclass
class Shop:
    """A provider, its address, and a folder to buy into."""

    provider: Provider
    url: str
    folder: Path
    task: Task
    context: Context
    entry: dict

    @property
    def account(self) -> Path:
        """The account's folder."""
        return self.folder / "account"

    def buyer(self, model: str = "closed-mini", served: dict | None = None, **terms: object) -> Buyer:
        """Who buys replies of a model."""
        served = {"model": model, "base_url": self.url} | (served or {})
        return Buyer(Speaker(Served(**served), terms_from_config(TERMS | terms), False, 1.0, 24), self.account, "cell")

    def play(self, buyer: Buyer, *, scenarios: int = 3, horizon: int | None = None) -> list[Played]:
        """Play two episodes of some scenarios."""
        task = replace(self.task, horizon=horizon) if horizon else self.task
        drawn = {"split": "train", "seed": 0, "iteration": 0, "policy": "test", "per_scenario": 2}
        return play(buyer, self.context, task, draw_episodes(task, scenarios=range(scenarios), **drawn), max_reasks=1)

    def bill(self, **terms: object) -> None:
        """A bill that covers everything, with terms, for the stages."""
        self.account.mkdir(exist_ok=True)
        bill = {"usd": 0.0, "covered": True, "terms": TERMS | terms, "items": []}
        (self.account / "bill.json").write_text(json.dumps(bill))

    def model(self, **more: object) -> dict:
        """What the stages are told of the model."""
        said = {"model": "closed-mini", "base_url": self.url, "max_new_tokens": 24, "account": str(self.account)}
        return said | {"sft": TUNING} | more

    def policy(self, path: Path, model: str = "closed-mini") -> Path:
        """policy.json of the model as it is."""
        said = {"kind": "api", "model": model, "revision": None, "adapter": None, "digest": "", "parent": None}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(said | {"iteration": 0, "made_by": {}, "format": 1}))
        return path


def rollout(shop: Shop, start: Callable[..., Popen], *, task: dict | None = None, **terms: object) -> Popen:
    """A rollout of eight scenarios, as the rule starts it."""
    shop.bill(**terms)
    model = {key: value for key, value in shop.model().items() if key != "sft"}
    return start(
        "rollout",
        shop.folder,
        policy=shop.policy(shop.folder / "cell/policy.json"),
        model=model,
        task=shop.entry | (task or {}),
        contexts=CONTEXTS,
        sampling=SAMPLING,
        model_name="closed",
        method="base",
        seed=0,
        split="train",
        scenarios=8,
        trajectories_per_scenario=2,
        output=shop.folder / "cell/trajectories.parquet",
    )


def finetune(shop: Shop, start: Callable[..., Popen], *, seed: int = 0, cell: str = "next") -> Popen:
    """A fine-tuning on what was selected, into a cell, as the rule starts it."""
    return start(
        "sft",
        shop.folder,
        policy=shop.folder / "cell/policy.json",
        trajectories=shop.folder / "cell/trajectories.parquet",
        selected=shop.folder / "cell/selected.jsonl",
        model=shop.model(),
        seed=seed,
        iteration=1,
        output=shop.folder / cell / "policy.json",
    )


def played(shop: Shop) -> list[dict]:
    """The rows of the finished rollout."""
    return read_table(shop.folder / "cell/trajectories.parquet").drop_columns(["task"]).to_pylist()


def select_all(shop: Shop) -> None:
    """selected.jsonl with every trajectory."""
    lines = [
        json.dumps({"messages": json.loads(row["messages"]), "trajectory_id": row["trajectory_id"], "regret": 0.0})
        for row in played(shop)
    ]
    (shop.folder / "cell/selected.jsonl").write_text("".join(f"{line}\n" for line in lines))


def bought_once(shop: Shop, again: int = 0) -> None:
    """That every reply (but ``again`` of them), file, batch and job was paid for once, and is what the books say."""
    provider, books = shop.provider, [json.loads(path.read_text()) for path in (shop.account / "spent").glob("*.json")]
    assert provider.replies.total() - len(provider.replies) <= again
    assert len(provider.batches) == len({batch["metadata"]["rmft"] for batch in provider.batches.values()})
    inputs = [file["data"] for file in provider.files.values() if file["purpose"] in ("batch", "fine-tune")]
    assert len(inputs) == len(set(inputs))
    assert sum(book["reserved"] for book in books) == pytest.approx(0, abs=1e-9)
    for key in ("prompt", "sampled", "trained"):
        assert again or sum(book[key] for book in books) == provider.tokens[key]
