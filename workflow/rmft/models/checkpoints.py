"""Where a fine-tuning stands, as one file: what is trained, the optimiser's state, the schedule, the random streams, the
place in the data. The file is replaced whole or not at all: a kill at any moment loses what came after the last one."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGTERM, getsignal, signal
from threading import Event, current_thread, main_thread

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.lr_scheduler import LRScheduler

_STATE = ("exp_avg", "exp_avg_sq", "step")  # of AdamW


@dataclass
class Progress:
    """``step`` of the epoch comes next; ``stream``: the state of the data's random stream where the epoch began; ``total``
    and ``tokens``: the epoch's loss so far, and the targets that it is of; ``curve``: of the epochs before."""

    epoch: int = 1
    step: int = 0
    total: float = 0.0
    tokens: int = 0
    stream: dict = field(default_factory=dict)
    curve: list[dict] = field(default_factory=list)


@dataclass
class Checkpoints:
    """A file in a scratch ``folder``, written when ``seconds`` have passed since the last one."""

    folder: Path
    seconds: float
    last: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        """The checkpoint."""
        return self.folder / "checkpoint.safetensors"

    @property
    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() - self.last >= self.seconds

    def write(self, tensors: dict[str, torch.Tensor], said: dict) -> None:
        """Replace the checkpoint by these tensors and what JSON can say, on the disk before the name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_name(f".{self.file.name}.tmp")
        save_file(tensors, temporary, metadata={"said": json.dumps(said)})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(self.file)

    def rest(self) -> None:
        """Wait for the next one from now on."""
        self.last = time.monotonic()

    def read(self) -> tuple[dict[str, torch.Tensor], dict] | None:
        """What was written last; None where nothing was. Raises ValueError for a damaged file."""
        if not self.file.exists():
            return None
        try:
            with safe_open(self.file, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["said"])  # noqa: SIM118
        except (SafetensorError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{self.file}: not a checkpoint ({error}); delete it and train anew") from None


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor on the CPU, put together where it is spread over processes, all of which call this."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().cpu().contiguous()


def _spread(whole: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor, on the device and in the pieces of another one."""
    whole = whole.to(like.device)
    return distribute_tensor(whole, like.device_mesh, like.placements) if isinstance(like, DTensor) else whole


def whole_of(model: torch.nn.Module, *, keeps: bool) -> dict[str, torch.Tensor]:
    """What was trained, put together in the process that ``keeps`` it; every process calls this. Names that share a tensor
    (tied embeddings) are all there."""
    learnt = {id(parameter) for parameter in trained(model).values()}
    found = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in learnt and ((whole := _whole(parameter)) is not None and keeps):
            found[name] = whole
    return found


def state_of(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    progress: Progress,
    *,
    keeps: bool = True,
) -> tuple[dict[str, torch.Tensor], dict]:
    """All that a checkpoint holds, in the process that ``keeps`` it; every process calls this."""
    tensors = {"random": torch.get_rng_state()}
    for name, parameter in trained(model).items():
        parts = {"weight": parameter} | {key: optimizer.state[parameter][key] for key in _STATE}
        for key, tensor in parts.items():
            whole = _whole(tensor)
            if keeps:
                tensors[f"{key}/{name}"] = whole
    return tensors, {"schedule": schedule.state_dict(), "progress": asdict(progress)}


@torch.no_grad()
def restore(
    tensors: dict[str, torch.Tensor],
    said: dict,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
) -> Progress:
    """Put all back as it was, whatever the number of processes was; what was done so far."""
    for name, parameter in trained(model).items():
        parameter.copy_(_spread(tensors[f"weight/{name}"], parameter))
        state = {key: _spread(tensors[f"{key}/{name}"], parameter) for key in _STATE[:2]}
        optimizer.state[parameter] = state | {"step": tensors[f"step/{name}"]}
    schedule.load_state_dict(said["schedule"])
    for group, rate in zip(optimizer.param_groups, schedule.get_last_lr(), strict=True):
        group["lr"] = rate
    torch.set_rng_state(tensors["random"])
    return Progress(**said["progress"])


@contextmanager
def told_to_stop(*, when: bool = True) -> Iterator[Event]:
    """While this lasts, SIGTERM only sets the event that it gives: the training stops when it has kept what it did. Without
    ``when``, SIGTERM does what it did before."""
    told = Event()
    if not when or current_thread() is not main_thread():
        yield told
        return
    before = getsignal(SIGTERM)
    signal(SIGTERM, lambda *_: told.set())
    try:
        yield told
    finally:
        signal(SIGTERM, before)
