"""What a network with numbers in and out learns from selected trajectories. Imported by name (rmft.stages.sft)."""

from argparse import Namespace
from pathlib import Path

import pyarrow as pa

from rmft.models.imitate import Data, data_of, imitate
from rmft.models.numbers import load, save
from rmft.models.policy import Policy
from rmft.stages import files


def train(
    parent: Policy,
    parts: tuple[pa.Table, pa.Table],
    settings: dict,
    args: Namespace,
    *,
    folder: Path,
    seed: int,
    scratch: Path,
) -> tuple[list[dict], list[int]]:
    """Train into ``folder`` on the first part; the second watches. Returns the learning curve and the trajectories. It takes
    seconds: ``scratch`` stays empty."""
    if args.targets == "answer":
        raise ValueError("--targets: answer is for words; numeric policies learn all, hindsight or regret")
    network = load(Path(parent.model))
    found = [_data(part, args, network.arms) for part in parts]
    if found[0] is None:
        raise ValueError(f"{args.selected}: leaves no trajectory to train on; select more of them")
    curve = imitate(network, *found, settings, targets=args.targets, seed=seed)
    save(network, folder)
    return curve, [part.num_rows for part in parts]


def _data(part: pa.Table, args: Namespace, arms: int) -> Data | None:
    if not part.num_rows:
        return None
    play = files.plays(part, args.trajectories)
    try:
        return data_of(play, args.targets, arms)
    except ValueError as error:
        raise ValueError(f"{args.trajectories}: {error}") from None
