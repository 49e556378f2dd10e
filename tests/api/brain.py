"""What the test provider's models are: the laptop model, really run and really fine-tuned."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rmft.models.base import Engine
from rmft.models.chat import Renderer, renderer
from rmft.models.engines import engine_of
from rmft.models.finetune import finetune
from rmft.models.policy import Policy
from rmft.models.speech import Speech

SETTINGS = {"adapter": "none", "rank": 4, "alpha": 8, "learning_rate": 0.001, "batch": 8}


@dataclass(frozen=True)
class Said:
    """A reply with its count of tokens."""

    text: str
    finish: str
    prompt: int
    sampled: int


@dataclass(frozen=True)
class Made:
    """A fine-tuned model."""

    model: str
    tokens: int
    metrics: str


def policy_of(folder: Path) -> Policy:
    """The policy of a folder."""
    return Policy("transformers", str(folder), None, None, "", None, 0, {})


class Brain:
    """Models by their names at the provider."""

    context = 512

    def __init__(self, folder: Path, scratch: Path) -> None:
        torch.set_num_threads(1)
        self.scratch = scratch
        self.models = {"closed-mini": folder, "reasoner": folder}
        self.engines: dict[str, Engine] = {}

    def engine(self, name: str) -> Engine:
        """A model, loaded once."""
        if name not in self.engines:
            loaded = engine_of(policy_of(self.models[name]), Speech(), temperature=1.0, max_new_tokens=24)
            self.engines[name] = loaded
        return self.engines[name]

    def reply(self, request: dict) -> Said:
        """The reply to a conversation; the same seed gives the same one."""
        engine = self.engine(request["model"])
        engine.max_new_tokens = request.get("max_tokens") or request.get("max_completion_tokens") or 24
        ids, _ = tokens(request["messages"], renderer(engine.tokenizer), engine.end_id)
        seed = request.get("seed", abs(hash(json.dumps(request["messages"]))))
        if len(ids) + engine.max_new_tokens > self.context:
            return Said("", "length", len(ids), self.context)
        said = engine.open(1).reply([ids], np.array([seed], np.uint64))[0]
        return Said(engine.decode(said), "stop" if said[-1] == engine.end_id else "length", len(ids), len(said))

    def train(self, model: str, training: bytes, watching: bytes, *, epochs: int, seed: int, name: str) -> Made:
        """A model from another one and its examples."""
        engine = self.engine(model)
        render = renderer(engine.tokenizer)
        train, watch = (
            [tokens(json.loads(line)["messages"], render, engine.end_id) for line in data.splitlines()]
            for data in (training, watching)
        )
        folder = self.scratch / name
        settings = SETTINGS | {"epochs": epochs}
        curve = finetune(policy_of(self.models[model]), train, watch, settings, folder=folder, seed=seed)
        made = f"ft:closed-mini:org:rmft:{name}"
        self.models[made] = folder
        rows = [
            f"{p['epoch']},{p['train_loss']},0.5,{'' if p['validation_loss'] is None else p['validation_loss']},0.5"
            for p in curve[1:]
        ]
        metrics = "\n".join(["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy", *rows]) + "\n"
        return Made(made, epochs * sum(len(ids) for ids, _ in train), metrics)


def tokens(messages: list[dict], render: Renderer, end: int) -> tuple[list[int], list[int]]:
    """A conversation's tokens, and which of them are the model's own."""
    ids, mask, tokenizer = [], [], render.tokenizer
    for i, message in enumerate(messages):
        if message["role"] == "user":
            new = render.following(message["content"], ended=True) if i else render.opening(message["content"])
            own = 0
        else:
            new, own = [*tokenizer(message["content"], add_special_tokens=False)["input_ids"], end], 1
        ids, mask = ids + new, mask + [own] * len(new)
    return ids, mask
