"""Train linear attention towards the best policy in hindsight, and hold its read-out against the closed form."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from rmft.core import theorem
from rmft.core.seeding import derive, generator
from rmft.core.statistics import intervals
from rmft.models.hindsight import Rewards, best_in_hindsight, course_of, train
from rmft.models.numeric import LinearAttention, make_numeric
from rmft.stages import program, theory
from rmft.stages.table_columns import bounded

TABLES = ("theorem", "theorem_training", "theorem_matrices", "theorem_regret")
_OUTSIDE = 0.01  # distance: on the simplex what is learnt sums to 1 but for the error of training
KEYS = ("horizons", "scales", "covariances", "seeds", "radius", "width", "steps", "batch", "learning_rate", "episodes")


@dataclass(frozen=True)
class Row:
    """A point of the grid; s is the standard deviation of a reward, or the root of its mean over the arms."""

    space: str
    d: int
    T: int
    s: float
    covariance: str
    seed: int
    radius: float

    @property
    def law(self) -> theorem.Law:
        """Of its rewards, whose mean is 0."""
        return theorem.Law(np.zeros(self.d), theorem.covariance(self.covariance, self.d, self.s), self.T)

    @property
    def keys(self) -> dict:
        """Its columns."""
        names = ("space", "d", "T", "s", "covariance", "seed")
        return {name: getattr(self, name) for name in names}


def learnt(model: LinearAttention) -> theorem.Readout:
    """The affine policy of a model, in numpy."""
    c, V = model.readout()
    return theorem.Readout(c.double().numpy(), V.double().numpy())


def part_along(V: np.ndarray, form: np.ndarray) -> float:
    """The factor of ``form`` that comes nearest to V in the Frobenius norm."""
    return float((V * form).sum() / (form**2).sum())


def compared(row: Row, found: theorem.Readout, known: theorem.Readout) -> dict:
    """How far the learnt read-out is from the closed form. eta: the multiple of the isotropic form nearest to V."""
    form = theorem.form(row.space, row.d)
    along = part_along(found.V, known.V) * known.V
    return {
        "eta_learnt": part_along(found.V, form),
        "eta_closed_form": part_along(known.V, form),
        "relative_error": float(np.linalg.norm(found.V - known.V) / np.linalg.norm(known.V)),
        "off_structure": float(np.linalg.norm(found.V - along)),
        "c_error": float(np.abs(found.c - known.c).max()),
    }


def trained(row: Row, entry: dict, known: theorem.Readout) -> Iterator[tuple[dict, LinearAttention]]:
    """The way of the read-out through training, and the model at each mark of it."""
    named = derive("theorem", *map(str, row.keys.values()))
    model = make_numeric({"architecture": "linear", "width": entry["width"]}, row.d, seed=derive("weights", named))
    rewards = Rewards(row.law, seed=derive("rewards", named))

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        shown = rewards.draw(batch)
        return shown, best_in_hindsight(shown, row.space, row.radius)

    for step, loss, judged in train(model, draw, course_of(entry)):
        errors = compared(row, learnt(judged), known)
        yield {**row.keys, "step": step, "loss": loss, "relative_error": errors["relative_error"]}, judged


def beside(model: LinearAttention, horizon: int) -> dict:
    """What the model computes beside c + V S: its drift by step T, and the norm of its bend."""
    parts = model.parts()
    return {"drift": float(parts.drift.norm()) * horizon, "bend": float(parts.bend.norm())}


def regrets(row: Row, found: theorem.Readout, known: theorem.Readout, episodes: int) -> dict:
    """Regret of the learnt policy, as it is and projected, and of lazy FTRL with the closed form's step, on the same.

    Where rewards are not isotropic the step is the matrix V, and its policy projected in the Euclidean norm stands for FTRL.
    """
    rng = generator("theorem", "heldout", row.d, row.T, str(row.s), row.covariance)
    rewards = rng.standard_normal((episodes, row.T, row.d)) @ np.linalg.cholesky(row.law.covariance).T
    sums = rewards.cumsum(axis=1) - rewards
    affine = found(sums)
    inside = theorem.project(row.space, affine, row.radius)
    if row.covariance == "isotropic":
        eta = theorem.step(row.space, row.d, row.T, row.s, row.radius)
        ftrl = theorem.lazy_ftrl(row.space, sums, eta, row.radius)
    else:
        ftrl = theorem.project(row.space, known(sums), row.radius)
    each = [theorem.regret(row.space, rewards, policies, row.radius) for policies in (inside, ftrl, affine)]
    bounds = intervals([np.stack([*each, each[0] - each[1]], axis=1)], rng=rng)
    names = bounded("learnt", "ftrl", "learnt_unprojected", "difference")
    table = dict(zip(names, bounds.ravel(), strict=True))
    outside = np.linalg.norm(affine - inside, axis=-1) > _OUTSIDE
    gap = np.linalg.norm(inside - ftrl, axis=-1)
    return {**table, "outside": outside.mean(), "distance": np.sqrt((gap**2).mean()), "episodes": episodes}


def work(args: Namespace) -> None:
    """Train and compare at every point of the grid of one space and number of arms."""
    entry = program.entry(args.grid, "--grid", *KEYS)
    torch.set_num_threads(args.threads)
    tables: dict[str, list[dict]] = {name: [] for name in TABLES}
    for T, s, kind, seed in product(*(entry[key] for key in KEYS[:4])):
        row = Row(args.space, args.arms, T, s, kind, seed, entry["radius"])
        known = theorem.readout(row.space, row.law, row.radius)
        *curve, (last, model) = trained(row, entry, known)
        found = learnt(model)
        errors = compared(row, found, known)
        tables["theorem"].append({**row.keys, **errors, **beside(model, T)})
        tables["theorem_training"] += [*(point for point, _ in curve), last]
        cells = product(range(row.d), range(row.d))
        tables["theorem_matrices"] += [
            {**row.keys, "i": i, "j": j, "learnt": found.V[i, j], "closed_form": known.V[i, j]} for i, j in cells
        ]
        tables["theorem_regret"].append({**row.keys, **regrets(row, found, known, entry["episodes"])})
        print(f"theorem: {row.keys}: relative error {errors['relative_error']:.4f}", flush=True)
    theory.write_parts(args.output, tables)


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = theory.parser("theorem", __doc__, "theory.theorem: horizons, scales, ..., and training", TABLES)
    parser.add_argument("--arms", type=int, required=True, help="d")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
