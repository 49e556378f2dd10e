"""A fine-tuning on several GPUs of one machine: a process for each, weights and optimiser in pieces (torch's FSDP2, which
accelerate wraps, but not on CPUs, where the tests run it)."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGTERM, getsignal, signal
from typing import TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

Item, Result = TypeVar("Item"), TypeVar("Result")


@dataclass(frozen=True)
class Rank:
    """One of the ``world`` processes that train together."""

    index: int = 0
    world: int = 1

    @property
    def device(self) -> torch.device:
        """A GPU of its own where there are GPUs."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", self.index % torch.cuda.device_count())

    def share(self, passes: list[Item]) -> list[tuple[Item, bool]]:
        """This process's passes of a step, as many as every other's: one that is there only to keep step counts nothing."""
        rounds = -(-len(passes) // self.world)
        places = [i * self.world + self.index for i in range(rounds)]
        return [(passes[place % len(passes)], place < len(passes)) for place in places]

    def total(self, *values: float) -> list[float]:
        """Each value's sum over the processes."""
        if self.world == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()


def spread(learner: torch.nn.Module, layers: torch.nn.ModuleList, rank: Rank) -> None:
    """Put the learner's weights into pieces, a layer at a time; they come together where a layer is at work."""
    mesh = init_device_mesh(rank.device.type, (rank.world,))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(learner, mesh=mesh)


def _process(
    index: int, world: int, meeting: str, threads: int, work: Callable, arguments: tuple, said: object
) -> None:
    rank = Rank(index, world)
    torch.set_num_threads(threads)
    if rank.device.type == "cuda":
        torch.cuda.set_device(rank.device)
    backend = "cpu:gloo,cuda:nccl" if rank.device.type == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=f"file://{meeting}", rank=index, world_size=world)
    try:
        result = work(rank, *arguments)
    except (ValueError, OSError) as error:
        said.put((type(error), str(error)))
        raise SystemExit(1) from None
    if index == 0:
        said.put((None, result))
    dist.destroy_process_group()


def together(world: int, work: Callable[..., Result], *arguments: object) -> Result:
    """What ``work(rank, *arguments)`` returns in the first of ``world`` processes. Raises what one of them raises of
    ValueError and OSError; SIGTERM goes on to all of them, and SystemExit comes back."""
    start = torch.multiprocessing.get_context("spawn")
    said = start.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        settings = (world, f"{folder}/meeting", torch.get_num_threads(), work, arguments, said)
        context = torch.multiprocessing.start_processes(_process, settings, nprocs=world, join=False)
        before = signal(SIGTERM, lambda *_: [process.terminate() for process in context.processes])
        try:
            while not context.join():
                pass
        except torch.multiprocessing.ProcessExitedException as error:
            if said.empty():
                raise SystemExit(error.exit_code if error.exit_code > 0 else 128 - error.exit_code) from None
        finally:
            signal(SIGTERM, before if callable(before) else getsignal(SIGTERM))
        kind, result = said.get()
    if kind:
        raise kind(result)
    return result
