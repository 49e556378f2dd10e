"""The laptop's base model: its folder, its loss and its lessons. (What it can read is reading.csv's to show.)"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmft.core.prompts import Context
from rmft.models.policy import weights_digest
from rmft.models.pretrain import pretrain


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


def test_what_it_reads_is_written_down(tiny: Path) -> None:
    with (tiny / "reading.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["told"] for row in rows} == {"exploit", "nothing"}
    for row in rows:
        assert 0 <= float(row["best_empirical"]) <= 1
        assert float(row["chance"]) == pytest.approx(1 / 3)
    told = [float(row["best_empirical"]) for row in rows if row["told"] == "exploit"]
    assert np.mean(told) > 1 / 3 + 0.05  # even this small one heeds the order a little


def test_two_runs_are_the_same_to_the_byte(model_entry: dict, context: Context, tmp_path: Path) -> None:
    entry = model_entry | {"pretraining": model_entry["pretraining"] | {"dialogues": 128}}
    curves = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        curves.append(pretrain(entry, context, tmp_path / name))
    assert curves[0] == curves[1]
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert all(torch.isfinite(p).all() for p in AutoModelForCausalLM.from_pretrained(tmp_path / "a").parameters())
