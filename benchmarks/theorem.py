"""Training of numeric models: steps a second, and their share of the FLOP/s that products of large matrices reach here."""

import time
from statistics import median

import numpy as np
import torch
import yaml
from measure import ROOT, Row, number, table

from rmft.core.theorem import Law
from rmft.models.hindsight import Course, Rewards, best_in_hindsight, train
from rmft.models.numeric import Numeric, make_numeric

BATCH, STEPS, REPEATS = 256, 60, 3
SHAPES = {"linear": ((2, 25), (8, 100)), "softmax": ((2, 25),), "transformer-2": ((2, 25), (8, 100))}
MODELS = yaml.safe_load((ROOT / "config.yaml").read_text())["theory"]["policies"]["models"]


def ceiling(size: int = 1024) -> float:
    """FLOPs a second of products of square matrices, the best of a few."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def step_flops(model: Numeric, T: int) -> float:
    """FLOPs of a training step in matrix products: 6 for each weight of a matrix and token, and 12 T width / 2 for the
    attention of each token in each layer (causal), forwards and backwards."""
    weights = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    layers = getattr(model, "layers", ())
    width = model.empty.numel() if len(layers) else 0
    return BATCH * T * (6 * weights + 6 * T * width * len(layers))


def steps_a_second(model: Numeric, d: int, T: int) -> float:
    """Of training towards the best in hindsight, drawing of rewards included."""
    rewards = Rewards(Law(np.zeros(d), np.eye(d), T), seed=0)

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = rewards.draw(batch)
        return x, best_in_hindsight(x, "simplex")

    start = time.perf_counter()
    for _ in train(model, draw, Course(STEPS, BATCH, 0.001)):
        pass
    return STEPS / (time.perf_counter() - start)


def rows() -> list[Row]:
    """A row for each model and shape, on one thread."""
    torch.set_num_threads(1)
    top, found = ceiling(), []
    for name, shapes in SHAPES.items():
        for d, T in shapes:
            model = make_numeric(MODELS[name], d)
            rate = median(steps_a_second(model, d, T) for _ in range(REPEATS))
            done = rate * step_flops(model, T)
            note = f"{rate * BATCH:,.0f} trajectories a second; FLOPs of matrix products alone"
            what = f"training {name}, d={d}, T={T}, batch {BATCH}: steps/s; share of matrix-product FLOP/s"
            other = f"{number(top / 1e9)} GFLOP/s"
            found.append(
                Row(what, f"{number(rate)} steps/s, {number(done / 1e9)} GFLOP/s", other, done / top, "", note)
            )
    return found


if __name__ == "__main__":
    print(table(rows()))
