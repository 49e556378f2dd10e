"""Pretraining of the laptop model: a causal LM of the Qwen3 architecture on the dialogues of the crowd.

All of it is our choice: the paper starts from ready-made models. Muon (Jordan et al. 2024) for the hidden matrices and
AdamW for the rest: with AdamW alone the model cannot read its history after several times the tokens.
"""

import math
from collections.abc import Iterator
from itertools import islice
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from rmft.core.seeding import derive, generator
from rmft.core.tasks import draw_episodes
from rmft.models.crowd import Chat, Crowd, World, conversations
from rmft.models.tokenizer import ASSISTANT, END, PAD, USER, train_tokenizer

_EVERY = 4  # of a summary's conversations every fourth is learnt from: as many tokens as of a dialogue
_BLOCK = 32  # steps whose dialogues are played at once


def _chats(crowd: Crowd, world: World, scenarios: range, seed: int, rank: int) -> list[list[Chat]]:
    """The conversations to learn from, of each of these dialogues."""
    where = {"split": "crowd", "seed": seed, "iteration": rank, "policy": "crowd"}
    episodes = draw_episodes(world.task, **where, scenarios=scenarios, per_scenario=1)
    rng = generator("crowd", seed, rank, world.task.name, scenarios.start)
    talks = conversations(crowd, world.task, world.context, episodes, rng=rng)
    return [talk[rng.integers(_EVERY) :: _EVERY] if len(talk) > 1 else talk for talk in talks]


def make_tokenizer(entry: dict, crowd: Crowd, worlds: list[World]) -> PreTrainedTokenizerFast:
    """The tokenizer, trained on some 4,000 dialogues of the crowd and on what is said after a reply that cannot be read."""
    each = range(-(-4000 // len(worlds)))
    chats = [chat for world in worlds for talk in _chats(crowd, world, each, entry["seed"], -1) for chat in talk]
    texts = [message["content"] for chat in chats for message in chat]
    texts += [world.context.ask_again() for world in worlds] * (2000 // len(worlds))
    names = {name: None for world in worlds for name in world.context.arm_names}  # in order, each once
    numbers = {world.context.write(i / 100): None for world in worlds for i in range(-50, 151)}
    return train_tokenizer(texts, arm_names=list(names), numbers=list(numbers))


def make_model(entry: dict, vocabulary: int) -> Qwen3ForCausalLM:
    """An untrained model of the entry's shape: layers, width, heads, kv_heads, head_dim, mlp."""
    torch.manual_seed(derive("weights", entry["pretraining"]["seed"]))
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=entry["width"],
        num_hidden_layers=entry["layers"],
        num_attention_heads=entry["heads"],
        num_key_value_heads=entry["kv_heads"],
        head_dim=entry["head_dim"],
        intermediate_size=entry["mlp"],
        max_position_embeddings=entry["context_length"],
        initializer_range=0.05,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    return Qwen3ForCausalLM(config)


def _batches(
    entry: dict, crowd: Crowd, worlds: list[World], tokenizer: PreTrainedTokenizerFast, rank: int
) -> Iterator[torch.Tensor]:
    """All batches of this worker's dialogues: ids, padding on the right. A batch is of one task, so that lengths are alike,
    but each worker draws its own: steps of one task alone teach less."""
    size, steps = entry["batch"] // entry["workers"], entry["dialogues"] // entry["batch"]
    rng = generator("worlds", rank)
    shares, played = np.array([world.share for world in worlds]), [0] * len(worlds)
    for start in range(0, steps, _BLOCK):
        drawn = rng.choice(len(worlds), size=min(_BLOCK, steps - start), p=shares / shares.sum())
        talks = {}
        for i in sorted(set(drawn.tolist())):
            number = size * int((drawn == i).sum())
            talks[i] = iter(_chats(crowd, worlds[i], range(played[i], played[i] + number), entry["seed"], rank))
            played[i] += number
        for i in drawn.tolist():
            chats = [chat for talk in islice(talks[i], size) for chat in talk]
            texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
            rows = [torch.tensor(row) for row in tokenizer(texts, add_special_tokens=False)["input_ids"]]
            yield torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def language_loss(model: Qwen3ForCausalLM, ids: torch.Tensor, arms: torch.Tensor, weights: dict) -> torch.Tensor:
    """Weighted mean cross-entropy of every token but padding given what stands before it; ids: B x L.

    What the players say weighs 1, the ``arms`` (token ids) that they name ``weight_choice`` and what they are told
    ``weight_told``: rewards are mostly noise, whose gradient drowns the choices at full weight; a model so trained cannot
    tell its best arm after several times the tokens.
    """
    hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state
    place = torch.arange(ids.shape[1])
    begins = torch.where((ids == USER) | (ids == ASSISTANT), place, 0).cummax(dim=1).values
    said = (ids.gather(1, begins) == ASSISTANT)[:, :-1]
    targets = ids[:, 1:]
    weight = torch.where(torch.isin(targets, arms), weights["weight_choice"], 1.0)
    weight = torch.where(said, weight, weights["weight_told"]) * (targets != PAD)
    keep = weight > 0
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[keep]), targets[keep], reduction="none")
    return (losses * weight[keep]).sum() / weight.sum()


def _optimizers(model: Qwen3ForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0)]


def _share_gradients(parameters: list, shared: torch.Tensor, barrier: Barrier, rank: int) -> None:
    """Replace each worker's gradients by the workers' mean (clipped to norm 1), through shared memory."""
    shared[rank] = torch.cat([p.grad.flatten() for p in parameters])
    barrier.wait()
    mean = shared.mean(dim=0)
    barrier.wait()
    mean /= max(1.0, float(mean.norm()))
    for p, piece in zip(parameters, mean.split([p.numel() for p in parameters]), strict=True):
        p.grad.copy_(piece.view_as(p))


def _worker(
    rank: int,
    entry: dict,
    worlds: list[World],
    tokenizer: PreTrainedTokenizerFast,
    shared: torch.Tensor,
    barrier: Barrier,
    folder: str,
) -> None:
    torch.set_num_threads(1)
    model, training = make_model(entry, len(tokenizer)), entry["pretraining"]
    names = sorted({name for world in worlds for name in world.context.arm_names})
    parameters, arms = list(model.parameters()), torch.tensor(tokenizer.convert_tokens_to_ids(names))
    optimizers = _optimizers(model, training["learning_rate"])
    steps, tokens, curve = training["dialogues"] // training["batch"], 0, []
    for step, ids in enumerate(_batches(training, crowd_of(training), worlds, tokenizer, rank)):
        factor = min(1.0, (step + 1) / 50) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = training["learning_rate"] * factor
        loss = language_loss(model, ids, arms, training)
        model.zero_grad()
        loss.backward()
        _share_gradients(parameters, shared, barrier, rank)
        for optimizer in optimizers:
            optimizer.step()
        tokens += int((ids != PAD).sum()) * training["workers"]
        curve.append({"tokens": tokens, "loss": loss.item()})
        if rank == 0 and (step + 1) % max(1, steps // 20) == 0:
            recent = np.mean([point["loss"] for point in curve[-50:]])
            print(f"pretrain: step {step + 1}/{steps}, {tokens:,} tokens, loss {recent:.3f}", flush=True)
    if rank == 0:
        model.save_pretrained(folder)
        torch.save(curve, f"{folder}/curve.pt")


def crowd_of(training: dict) -> Crowd:
    """The crowd of a ``pretraining`` entry, whose ``tasks`` are the worlds."""
    return Crowd(**{key: value for key, value in training["crowd"].items() if key != "tasks"})


def pretrain(entry: dict, worlds: list[World], folder: Path) -> list[dict]:
    """Train the model of a config entry and write its Hugging Face folder. Returns the learning curve, about 100 points.

    ``pretraining.workers`` processes of one thread each share the gradients of every step (on models this small threads do
    not help). The result depends on their number, not on the machine's.
    """
    training = entry["pretraining"]
    tokenizer = make_tokenizer(training, crowd_of(training), worlds)
    tokenizer.save_pretrained(folder)
    size = sum(p.numel() for p in make_model(entry, len(tokenizer)).parameters())
    shared = torch.zeros(training["workers"], size).share_memory_()
    start = torch.multiprocessing.get_context("fork")
    arguments = (entry, worlds, tokenizer, shared, start.Barrier(training["workers"]), str(folder))
    torch.multiprocessing.start_processes(_worker, arguments, nprocs=training["workers"], start_method="fork")
    file = folder / "curve.pt"
    curve = torch.load(file, weights_only=True)
    file.unlink()
    block = max(1, len(curve) // 100)
    means = [float(np.mean([point["loss"] for point in curve[i : i + block]])) for i in range(0, len(curve), block)]
    return [
        {"tokens": curve[min(i * block + block, len(curve)) - 1]["tokens"], "loss": loss}
        for i, loss in enumerate(means)
    ]
