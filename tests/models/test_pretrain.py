"""The laptop's base model: its folder, its loss and its lessons. (What it can read is reading.csv's to show.)"""

import csv
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from rmft.core.prompts import Context
from rmft.models.crowd import World
from rmft.models.policy import weights_digest
from rmft.models.pretrain import _batches, crowd_of, language_loss, make_model, make_tokenizer, pretrain
from rmft.models.tokenizer import ASSISTANT, PAD, USER


def test_it_is_an_ordinary_model_folder(tiny: Path, model_entry: dict) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    assert model.config.model_type == "qwen3"
    assert model.config.num_hidden_layers == model_entry["layers"]
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.max_position_embeddings == model_entry["context_length"]
    chat = [{"role": "user", "content": "Press one of the buttons A, B, C, 6 times. Earn as much as you can."}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    reply = model.generate(input_ids=prompt["input_ids"], max_new_tokens=24, do_sample=False)
    assert "Answer: " in tokenizer.decode(reply[0])


def test_its_record_says_how_it_was_made(tiny: Path, model_entry: dict) -> None:
    record = json.loads((tiny / "pretrain.json").read_text())
    assert record["entry"] == model_entry
    assert record["digest"] == weights_digest(tiny)
    losses = [point["loss"] for point in record["curve"]]
    assert losses[-1] < 0.2 * losses[0]
    tokens = np.array([point["tokens"] for point in record["curve"]])
    assert (np.diff(tokens) > 0).all()


def test_what_it_reads_is_written_down(tiny: Path, task_entry: dict) -> None:
    with (tiny / "reading.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["task"], row["steps_seen"], row["told"]) for row in rows] == [
        (task_entry["name"], seen, told) for seen in ("3", "4") for told in ("exploit", "nothing")
    ]
    for row in rows:
        assert 0 <= float(row["best_empirical"]) <= 1
        assert float(row["chance"]) == pytest.approx(1 / 3)
    told = [float(row["best_empirical"]) for row in rows if row["told"] == "exploit"]
    assert np.mean(told) > 1 / 3 + 0.05  # even this small one heeds the order a little


@pytest.fixture(scope="module")
def worlds(world: Callable[..., World]) -> list[World]:
    """A bandit, full information twice as often, and a bandit told in summaries."""
    fol = world(name="fol", share=2, environment="fol")
    return [world(), fol, world(name="summed", interaction="summary")]


@pytest.fixture(scope="module")
def tokenizer(model_entry: dict, worlds: list[World]) -> PreTrainedTokenizerFast:
    training = model_entry["pretraining"]
    return make_tokenizer(training, crowd_of(training), worlds)


def test_two_runs_are_the_same_to_the_byte(model_entry: dict, worlds: list[World], tmp_path: Path) -> None:
    entry = model_entry | {"pretraining": model_entry["pretraining"] | {"dialogues": 128}}
    curves = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        curves.append(pretrain(entry, worlds[:2], tmp_path / name))
    assert curves[0] == curves[1]
    assert len(curves[0]) == 8
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert {"model.safetensors", "tokenizer.json"} <= set(files)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert all(torch.isfinite(p).all() for p in AutoModelForCausalLM.from_pretrained(tmp_path / "a").parameters())


# Batches

STEPS = 70  # more than are played at once


@pytest.fixture(scope="module")
def batches(model_entry: dict, worlds: list[World], tokenizer: PreTrainedTokenizerFast) -> list[list[list[str]]]:
    """Of three workers with two dialogues each, at each step: the texts of the batch's rows."""
    training = model_entry["pretraining"] | {"batch": 6, "workers": 3, "dialogues": 6 * STEPS}
    made = [list(_batches(training, crowd_of(training), worlds, tokenizer, rank)) for rank in range(3)]
    return [[[tokenizer.decode(row[row != PAD]) for row in ids] for ids in worker] for worker in made]


def task_of(text: str) -> str:
    """A task of ``worlds`` by its words."""
    return "summed" if "Which button now?" in text else "fol" if "every button paid" in text else "small"


def test_each_batch_is_of_one_task_and_each_worker_has_its_own(batches: list[list[list[str]]]) -> None:
    assert [len(worker) for worker in batches] == [STEPS] * 3
    tasks = [[{task_of(text) for text in rows} for rows in worker] for worker in batches]
    assert all(len(names) == 1 for worker in tasks for names in worker)
    assert tasks[0] != tasks[1] != tasks[2] != tasks[0]
    counts = Counter(name for worker in tasks for names in worker for name in names)
    for name, share in {"small": 0.25, "fol": 0.5, "summed": 0.25}.items():
        assert counts[name] / (3 * STEPS) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / (3 * STEPS)))


def test_no_dialogue_is_learnt_from_twice(batches: list[list[list[str]]]) -> None:
    texts = [text for worker in batches for rows in worker for text in rows if task_of(text) != "summed"]
    assert all(len(rows) == 2 for worker in batches for rows in worker if task_of(rows[0]) != "summed")
    assert len(set(texts)) == len(texts)


def test_of_summaries_every_fourth_is_learnt_from(batches: list[list[list[str]]]) -> None:
    """Of 6 steps: the first and the fifth, the second and the sixth, the third, or the fourth."""
    talks = [rows for worker in batches for rows in worker if task_of(rows[0]) == "summed"]
    steps = [int(text.split("Press ")[2].split()[0]) for rows in talks for text in rows]
    assert set(steps) == set(range(1, 7))
    alone = [step for step, after in zip(steps, [*steps[1:], 0], strict=True) if after != step + 4 and step < 5]
    assert set(alone) == {3, 4}
    assert len(steps) == pytest.approx(1.5 * 2 * len(talks), abs=4 * np.sqrt(0.25 * 2 * len(talks)))


# The loss


def naive_loss(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, rows: list[list[int]], names: set[str], weights: dict
) -> torch.Tensor:
    """Row by row, token by token."""
    total, weighed = torch.zeros(()), 0.0
    for ids in rows:
        log_p = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        assistant = False
        for i, token in enumerate(ids):
            is_name = tokenizer.decode([token]) in names
            weight = 1.0 if assistant else weights["weight_told"]
            if assistant and is_name:
                weight = weights["weight_choice"]
            if i:
                total, weighed = total - weight * log_p[i - 1, token], weighed + weight
            if token in (USER, ASSISTANT):
                assistant = token == ASSISTANT
    return total / weighed


@pytest.fixture(scope="module")
def untrained(model_entry: dict, tokenizer: PreTrainedTokenizerFast) -> torch.nn.Module:
    torch.set_num_threads(1)
    return make_model(model_entry, len(tokenizer)).eval()


@pytest.mark.parametrize("told", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("choice", [1.0, 3.0, 30.0])
def test_arms_that_a_reply_names_weigh_more_and_what_is_told_less(
    untrained: torch.nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    batches: list[list[list[str]]],
    context: Context,
    told: float,
    choice: float,
) -> None:
    texts = [next(rows[0] for rows in batches[0] if task_of(rows[0]) == name) for name in ("small", "fol", "summed")]
    rows = tokenizer(texts, add_special_tokens=False)["input_ids"]  # of uneven length: padding
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    assert (ids == PAD).any()
    arms = torch.tensor(tokenizer.convert_tokens_to_ids(list(context.arm_names)))
    weights = {"weight_told": told, "weight_choice": choice}
    ours = language_loss(untrained, ids, arms, weights)
    naive = naive_loss(untrained, tokenizer, rows, set(context.arm_names), weights)
    assert ours.item() == pytest.approx(naive.item(), rel=1e-5)
    untrained.zero_grad()
    ours.backward()
    gradients = [p.grad.clone() for p in untrained.parameters()]
    untrained.zero_grad()
    naive.backward()
    for one, other in zip(gradients, (p.grad for p in untrained.parameters()), strict=True):
        assert torch.allclose(one, other, atol=1e-4 * other.abs().max())


class Sure(torch.nn.Module):
    """A model of three tokens and a vocabulary of 8 that expects token 7 always: every other costs 9 and a bit."""

    def __init__(self) -> None:
        super().__init__()
        self.lm_head = lambda hidden: 9.0 * torch.nn.functional.one_hot(torch.full(hidden.shape[:1], 7), 8).float()

    def model(self, input_ids: torch.Tensor) -> object:
        return type("Output", (), {"last_hidden_state": input_ids[:, :, None].float()})


def test_the_loss_by_hand() -> None:
    """Told: 6 (an arm) and 4; said: 7, the arms 5 and 6, the end. The arms that are said weigh 10."""
    end = 1
    ids = torch.tensor([[USER, 6, 4, ASSISTANT, 7, 5, 6, end, PAD, PAD]])
    miss = math.log(math.exp(9) + 7)
    hit = miss - 9
    loss = language_loss(Sure(), ids, torch.tensor([5, 6]), {"weight_told": 0.5, "weight_choice": 10.0})
    # 6, 4 and the answer's beginning at 0.5 each; 7 is expected; 5 and 6 weigh 10; the end 1
    assert loss.item() == pytest.approx((1.5 * miss + hit + 20 * miss + miss) / (1.5 + 1 + 20 + 1))
