"""Supervised fine-tuning on selected trajectories: plain cross-entropy on the tokens that the model sampled itself."""

import math
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from rmft.models.policy import Policy, load, load_tokenizer
from rmft.models.schedule import warm_up_and_cosine


def batches(lengths: np.ndarray, size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Indices in batches of like length, in random order: neighbours in length share a batch, so little is padding.

    A batch holds ``size`` rows, or fewer where one more would make more than 5% of it padding.
    """
    order = np.lexsort((rng.random(len(lengths)), -lengths))
    groups: list[list[int]] = []
    for row in order:
        longest, tokens = (lengths[groups[-1][0]], lengths[groups[-1]].sum()) if groups else (0, 0)
        if groups and len(groups[-1]) < size and tokens + lengths[row] >= 0.95 * longest * (len(groups[-1]) + 1):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [np.array(groups[i]) for i in rng.permutation(len(groups))]


def answer_alone(row: tuple[list[int], list[int]], tokenizer: object) -> tuple[list[int], list[int]]:
    """The row (token ids, loss mask) with the reasoning masked: of each reply its last line alone is learnt.

    The token that holds the line's beginning is in, though it may hold the end of the line above as well.
    """
    ids, mask = row
    kept, end = [0] * len(mask), len(mask)
    while end:
        if not mask[end - 1]:
            end -= 1
            continue
        start = end
        while start and mask[start - 1] and not _has_its_last_line(ids[start:end], tokenizer):
            start -= 1
        kept[start:end] = [1] * (end - start)
        while start and mask[start - 1]:
            start -= 1
        end = start
    return ids, kept


def _has_its_last_line(ids: list[int], tokenizer: object) -> bool:
    """Whether the last line of a reply begins within these tokens, its last ones."""
    return "\n" in tokenizer.decode(ids, skip_special_tokens=True).rstrip()


def collate(rows: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and loss masks (each B x L, zeros on the right) of (ids, mask) rows: one row per trajectory."""
    ids, masks = ([torch.tensor(row[i]) for row in rows] for i in (0, 1))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(ids, batch_first=True), pad(masks, batch_first=True).bool()


def loss_of(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Summed cross-entropy of the masked tokens given all before them; logits of those positions only."""
    backbone, head = (
        model.get_base_model() if hasattr(model, "get_base_model") else model,
        model.get_output_embeddings(),
    )
    hidden = backbone.model(input_ids=ids[:, :-1]).last_hidden_state
    keep = mask[:, 1:]
    return torch.nn.functional.cross_entropy(head(hidden[keep]), ids[:, 1:][keep], reduction="sum")


def _validate(model: PreTrainedModel, rows: list, size: int) -> float | None:
    if not rows:
        return None
    model.eval()
    with torch.inference_mode():
        loss = sum(loss_of(model, *collate(rows[i : i + size])).item() for i in range(0, len(rows), size))
    model.train()
    return loss / max(1, sum(sum(mask[1:]) for _, mask in rows))


def finetune(
    policy: Policy,
    train: list[tuple[list[int], list[int]]],
    validation: list[tuple[list[int], list[int]]],
    settings: dict,
    *,
    folder: Path,
    seed: int,
) -> list[dict]:
    """Train on (token ids, loss mask) rows and save to ``folder``. Returns the learning curve, one point per epoch.

    settings: adapter (lora | none), rank, alpha, epochs, batch (trajectories), learning_rate (warm-up, then cosine).
    A LoRA goes on training the parent's adapter; without one all weights are trained.
    """
    if not train:
        raise ValueError("no trajectory to train on; select more of them")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = load(policy, trainable_adapter=settings if settings["adapter"] == "lora" else None).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings["learning_rate"], betas=(0.9, 0.98), weight_decay=0.0)
    size, lengths = settings["batch"], np.array([len(ids) for ids, _ in train])
    steps = settings["epochs"] * len(batches(lengths, size, rng=np.random.default_rng(0)))
    schedule = warm_up_and_cosine(optimizer, steps)
    curve = [{"epoch": 0, "train_loss": None, "validation_loss": _validate(model, validation, size)}]
    for epoch in range(1, settings["epochs"] + 1):
        total, tokens = 0.0, 0
        for batch in batches(lengths, size, rng=rng):
            ids, mask = collate([train[i] for i in batch])
            count = int(mask[:, 1:].sum())
            loss = loss_of(model, ids, mask) / count
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            total, tokens = total + loss.item() * count, tokens + count
        curve.append(
            {"epoch": epoch, "train_loss": total / tokens, "validation_loss": _validate(model, validation, size)}
        )
        held_out = curve[-1]["validation_loss"]
        print(f"sft: epoch {epoch}/{settings['epochs']}, loss {total / tokens:.4f}, held out {held_out}", flush=True)
    if not math.isfinite(total):
        raise ValueError("sft: the training loss is not finite; lower learning_rate")
    model.save_pretrained(folder)
    if not hasattr(model, "peft_config"):
        load_tokenizer(policy).save_pretrained(folder)
    return curve
