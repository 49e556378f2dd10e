"""Made-up tables of the theory in their real columns: two spaces, two covariances, two seeds, two lengths of selection."""

from itertools import product
from pathlib import Path

import pandas as pd

SPACES, SEEDS = ("ball", "simplex"), (0, 1)
PLAYERS = (("linear", 0), ("linear", 1), ("softmax", 0), ("ftrl", "none"), ("foresight", "none"))


def write(folder: Path) -> None:
    """theorem_matrices, theorem_training, theorem_limit and theorem_distances."""
    runs = [
        {"space": space, "d": 3, "T": T, "s": 1.0, "covariance": covariance, "seed": seed}
        for space, T, covariance, seed in product(SPACES, (5, 10), ("isotropic", "graded"), SEEDS)
    ]
    cells = [
        {"i": i, "j": j, "learnt": 0.1 * (i == j) + 0.01 * j, "closed_form": 0.1 * (i == j)}
        for i, j in product(range(3), range(3))
    ]
    points = [{"step": step, "loss": 1.0, "relative_error": 1 / step} for step in (1, 10, 100)]
    tables = {
        "theorem_matrices": [run | cell for run in runs for cell in cells],
        "theorem_training": [run | point for run in runs for point in points],
        "theorem_limit": _limit(),
        "theorem_distances": _distances(),
    }
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)


def _limit() -> list[dict]:
    """Relative errors that fall as 1 / L."""
    rows = []
    for space, noise, exponent, L, seed in product(SPACES, ("trajectory", "step"), (0.0, 0.5), (2, 8), SEEDS):
        kind = {"noise": noise, "exponent": exponent, "L": L, "k": int(L**exponent), "seed": seed}
        found = {"relative_error": 1 / L, "cosine": 1 - 1 / L, "eta_ratio": 1 - 1 / L}
        rows.append({"space": space, "d": 3, "T": 5, **kind, **found})
    return rows


def _distances() -> list[dict]:
    """Policies that part from FTRL by the same at each step."""
    rows = []
    for space, (policy, seed), t in product(SPACES, PLAYERS, range(1, 6)):
        distances = {"step": t, "to_ftrl": 0.01 * t, "to_foresight": 0.1}
        rows.append({"space": space, "d": 3, "T": 5, "policy": policy, "seed": seed, **distances})
    return rows
