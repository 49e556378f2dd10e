"""Supervised fine-tuning on selected trajectories: plain cross-entropy on the tokens that the model sampled itself."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler

from rmft.models.checkpoints import Checkpoints, Progress, restore, state_of, told_to_stop, trained, whole_of
from rmft.models.learner import Learner, learner_of
from rmft.models.passes import Rows, in_order, steps_of
from rmft.models.policy import Policy, load_tokenizer
from rmft.models.recipe import Recipe, recipe_of
from rmft.models.schedule import warm_up_and_cosine
from rmft.models.sharding import Rank, spread, together


@dataclass
class Training:
    """What changes while a policy learns, in one of the processes that train it."""

    learner: Learner
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    rng: np.random.Generator
    progress: Progress
    rank: Rank
    checkpoints: Checkpoints | None


def finetune(
    policy: Policy,
    train: Rows,
    validation: Rows,
    settings: dict,
    *,
    folder: Path,
    seed: int,
    scratch: Path | None = None,
    processes: int = 1,
) -> list[dict]:
    """Train on (token ids, loss mask) rows and save to ``folder``. Returns the learning curve, one point per epoch.

    settings: the `sft` of a config entry (rmft.models.recipe). A LoRA goes on training the parent's adapter; without one
    all weights are trained. The learning rate warms up, then follows a cosine. With `checkpoint_minutes`, ``scratch`` keeps
    where it stands: a second call goes on from there, to the same bytes on a CPU, and SIGTERM ends it (SystemExit 143) with
    nothing lost but a step. ``processes``: GPUs that share the work.
    """
    if not train:
        raise ValueError("no trajectory to train on; select more of them")
    if torch.cuda.is_available() and processes > torch.cuda.device_count():
        raise ValueError(
            f"--processes: {processes} GPUs asked for, {torch.cuda.device_count()} visible; set resources.gpus"
        )
    work = (policy, train, validation, settings, folder, seed, scratch)
    return _train(Rank(), *work) if processes == 1 else together(processes, _train, *work)


def _train(
    rank: Rank,
    policy: Policy,
    train: Rows,
    validation: Rows,
    settings: dict,
    folder: Path,
    seed: int,
    scratch: Path | None,
) -> list[dict]:
    """One process of a fine-tuning, from the policy to the saved weights."""
    recipe = recipe_of(settings)
    with _in_memory(recipe), told_to_stop(when=recipe.checkpoint_minutes is not None) as told:
        training = _begin(rank, policy, train, settings, seed, scratch)
        if not training.progress.curve:
            first = {"epoch": 0, "train_loss": None, "validation_loss": _validate(training, validation)}
            training.progress.curve.append(first)
        for epoch in range(training.progress.epoch, recipe.epochs + 1):
            loss = _epoch(training, train, told)
            held_out = _validate(training, validation)
            training.progress.curve.append({"epoch": epoch, "train_loss": loss, "validation_loss": held_out})
            training.progress = Progress(epoch=epoch + 1, curve=training.progress.curve)
            if rank.index == 0:
                print(f"sft: epoch {epoch}/{recipe.epochs}, loss {loss:.4f}, held out {held_out}", flush=True)
        if not math.isfinite(loss):
            raise ValueError("sft: the training loss is not finite; lower learning_rate")
        _save(training, policy, folder)
    return training.progress.curve


def _begin(rank: Rank, policy: Policy, train: Rows, settings: dict, seed: int, scratch: Path | None) -> Training:
    """The model and all that trains it, at the beginning or where the last checkpoint stands."""
    torch.manual_seed(seed)
    recipe, lengths = recipe_of(settings), lengths_of(train)
    learner = learner_of(policy, recipe, rank.device, spread=rank.world > 1)
    if rank.world > 1:
        spread(learner, learner.layers, rank)
    rate = {"lr": recipe.learning_rate, "betas": (0.9, 0.98), "weight_decay": 0.0}
    optimizer = torch.optim.AdamW(trained(learner).values(), **rate)
    steps = recipe.epochs * len(steps_of(lengths, recipe, rng=np.random.default_rng(0)))
    schedule, rng = warm_up_and_cosine(optimizer, steps), np.random.default_rng(seed)
    kept = Checkpoints(scratch, 60 * recipe.checkpoint_minutes) if scratch and recipe.checkpoint_minutes else None
    progress = Progress()
    if kept and (found := kept.read()):
        progress = restore(*found, learner, optimizer, schedule)
        rng.bit_generator.state = progress.stream
        print(f"sft: goes on from epoch {progress.epoch}, step {progress.step}", flush=True)
    return Training(learner, optimizer, schedule, rng, progress, rank, kept)


def lengths_of(rows: Rows) -> np.ndarray:
    """Tokens of each row."""
    return np.array([len(ids) for ids, _ in rows])


def _epoch(training: Training, rows: Rows, told: Event) -> float:
    """All that is left of an epoch; its mean loss by target."""
    progress, rank = training.progress, training.rank
    progress.stream = training.rng.bit_generator.state
    order = steps_of(lengths_of(rows), training.learner.recipe, rng=training.rng, least=rank.world)
    for passes in order[progress.step :]:
        count = max(1, sum(sum(rows[i][1][1:]) for indices in passes for i in indices))
        training.optimizer.zero_grad()
        loss = _gradients(training, rows, passes, count, told)
        torch.nn.utils.clip_grad_norm_(trained(training.learner).values(), 1.0)
        training.optimizer.step()
        training.schedule.step()
        progress.step, progress.total, progress.tokens = (
            progress.step + 1,
            progress.total + loss,
            progress.tokens + count,
        )
        if training.checkpoints and rank.total(training.checkpoints.due)[0]:
            _keep(training)
    return progress.total / progress.tokens


def _gradients(training: Training, rows: Rows, passes: list[np.ndarray], count: int, told: Event) -> float:
    """Add up the gradients of a step's passes, each of the mean loss by target; the summed loss of all processes."""
    own, rank = 0.0, training.rank
    for indices, counts in rank.share(passes):
        if training.checkpoints and rank.total(told.is_set())[0]:
            _keep(training)
            raise SystemExit(143)
        loss = training.learner(*training.learner.pass_of([rows[i] for i in indices])) / count
        (
            loss * (rank.world * counts) if rank.world > 1 else loss
        ).backward()  # what is in pieces averages over processes
        own += loss.item() * count * counts
    return rank.total(own)[0]


def _keep(training: Training) -> None:
    """Write a checkpoint of the last finished step, if there is one."""
    if training.optimizer.state:
        parts = (training.learner, training.optimizer, training.schedule, training.progress)
        tensors, said = state_of(*parts, keeps=training.rank.index == 0)
        if training.rank.index == 0:
            training.checkpoints.write(tensors, said)
    training.checkpoints.rest()


def _validate(training: Training, rows: Rows) -> float | None:
    """Mean loss by target, without learning; None where no row is held out."""
    if not rows:
        return None
    learner, total = training.learner, 0.0
    learner.eval()
    with torch.no_grad():
        for indices, counts in training.rank.share(in_order(lengths_of(rows), learner.recipe)):
            total += learner(*learner.pass_of([rows[i] for i in indices])).item() * counts
    learner.train()
    return training.rank.total(total)[0] / max(1, sum(sum(mask[1:]) for _, mask in rows))


def _save(training: Training, policy: Policy, folder: Path) -> None:
    """An adapter as peft writes it, or a whole model with its tokenizer."""
    model, first = training.learner.model, training.rank.index == 0
    whole = {"state_dict": whole_of(model, keeps=first)} if training.rank.world > 1 else {}
    if first:
        for adapter in getattr(model, "peft_config", {}).values():
            adapter.target_modules = sorted(adapter.target_modules)  # a set, whose order is another one in each process
        model.save_pretrained(folder, **whole)
        if not hasattr(model, "peft_config"):
            load_tokenizer(policy).save_pretrained(folder)


@contextmanager
def _in_memory(recipe: Recipe) -> Iterator[None]:
    """Raise ValueError, with what to set, where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a kind of its own for GPUs alone
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        now = f"tokens_per_pass ({recipe.tokens_per_pass or 'absent'}), loss_chunk ({recipe.loss_chunk or 'absent'})"
        raise ValueError(
            f"sft: out of memory ({str(error).partition(chr(10))[0]}); lower {now}, set activation_checkpointing: true, "
            "or give the job more"
        ) from None
