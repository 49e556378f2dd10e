"""Iterative RMFT through vLLM beside the same through transformers: held-out regret of every iteration, from results that
`make vllm-loop` and `make reproduce` have made."""

import numpy as np
import pyarrow.parquet as pq
from measure import ROOT

from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.stages.experiment import policy_cell

CELL = {"task": "mab-gaussian", "method": "rmft-information", "seed": 0}


def regret(model: str, iteration: int) -> str:
    """Mean and 95% interval of the regret on the held-out scenarios, or that there is none."""
    path = policy_cell(ROOT / "results", model=model, **CELL, iteration=iteration) / "evaluation.parquet"
    if not path.exists():
        return "not run here"
    table = pq.read_table(path, filters=[("suite", "=", "in-distribution")])
    column = table["regret"].to_numpy()[:, None]
    mean, low, high = intervals([np.asarray(column)], rng=generator("vllm-loop", model, iteration))[0]
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    print("| iteration | through vLLM | through transformers |\n|---|---|---|")
    for iteration in range(3):
        print(f"| {iteration} | {regret('tiny-vllm', iteration)} | {regret('tiny', iteration)} |")
