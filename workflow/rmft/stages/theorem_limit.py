"""Does RMFT itself come to the closed form? Linear attention trained on the k best of L trajectories, for growing L."""

from argparse import Namespace
from collections.abc import Sequence
from itertools import product
from math import floor

import numpy as np
import torch

from rmft.core import theorem
from rmft.core.seeding import derive
from rmft.models.hindsight import Rewards, course_of, train
from rmft.models.numeric import make_numeric
from rmft.models.selecting import selected
from rmft.stages import program, theory
from rmft.stages.theorem import learnt, part_along

TABLES = ("theorem_limit",)
KEYS = ("arms", "horizon", "trajectories", "exponents", "seeds", "width", "steps", "batch", "learning_rate")


def kept(trajectories: int, exponent: float) -> int:
    """k = L^exponent, rounded down: at exponents below 1, k/L falls to 0 as L grows."""
    return floor(trajectories**exponent + 1e-9)


def read_out(space: str, entry: dict, noise: str, L: int, k: int, seed: int) -> theorem.Readout:
    """What is learnt from the k best of L trajectories."""
    named = derive("theorem-limit", space, entry["arms"], entry["horizon"], noise, L, k, seed)
    model = make_numeric({"architecture": "linear", "width": entry["width"]}, entry["arms"], seed=named)
    rewards = Rewards(theorem.standard(entry["arms"], entry["horizon"]), seed=derive("rewards", named))

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        shown = rewards.draw(batch)
        return shown, selected(shown, space, L, k, noise, generator=rewards.generator)

    *_, (_, _, model) = train(model, draw, course_of(entry))
    return learnt(model)


def compared(found: theorem.Readout, known: theorem.Readout) -> dict:
    """Distance to the closed form in all, in direction, and in length."""
    V = found.V
    return {
        "relative_error": float(np.linalg.norm(V - known.V) / np.linalg.norm(known.V)),
        "cosine": float((V * known.V).sum() / (np.linalg.norm(V) * np.linalg.norm(known.V))),
        "eta_ratio": part_along(V, known.V),
    }


def work(args: Namespace) -> None:
    """A row for each noise, L, k and seed."""
    entry, rows = program.entry(args.grid, "--grid", *KEYS), []
    torch.set_num_threads(args.threads)
    known = theorem.readout(args.space, theorem.standard(entry["arms"], entry["horizon"]))
    for noise, lengths in entry["trajectories"].items():
        for L, exponent, seed in product(lengths, entry["exponents"], entry["seeds"]):
            k = kept(L, exponent)
            found = compared(read_out(args.space, entry, noise, L, k, seed), known)
            of = {"space": args.space, "d": entry["arms"], "T": entry["horizon"], "noise": noise, "exponent": exponent}
            rows.append({**of, "L": L, "k": k, "seed": seed, **found})
            print(f"theorem_limit: {noise}, L {L}, k {k}: relative error {found['relative_error']:.4f}", flush=True)
    theory.write_parts(args.output, dict.fromkeys(TABLES, rows))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    return program.run(theory.parser("theorem_limit", __doc__, "theory.limit", TABLES), work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
