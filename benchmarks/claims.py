"""Error rates and power of the verdicts by simulation, from the episodes of the last run.

    .venv/bin/python benchmarks/claims.py

Each repeat draws scenarios with replacement from those of the run, keeps what all seeds did on each together, and exchanges
the two sides of the comparison by a coin: no effect. Then the same with the effect moved to the threshold itself, the worst
null, and with the sides as they were: power at the effect seen. A verdict is counted for a claim by itself (the correction
only makes it rarer), and behind the semicolon for one of 14 claims, the others of which found nothing.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import pandas as pd
from measure import ROOT, say

from rmft.core.claims import LEVEL, contrast, normal_p, share_p
from rmft.core.growth import exponents, influences
from rmft.core.seeding import generator
from rmft.core.statistics import resampled, student_below, wilson
from rmft.stages import files

REPEATS, BATCH, CLAIMS = 1000, 50, 14
Groups = list[np.ndarray]  # of each seed, E x C
Make = Callable[[Groups, np.random.Generator], Groups]
CURED = ("mab-gaussian", "tiny", "rmft-information")
CASES = {  # name: task, model, method, what it is compared with (base: the base policy); metric and test
    "C2, C3, C5, S2: ratio of regrets to the base policy's": ((*CURED, "base"), "regret", ("ratio", "below", 0.95)),
    "C2: SuffFailFreq falls": ((*CURED, "base"), "suff_fail", ("difference", "below", -0.02)),
    "C2: K x MinFrac rises": ((*CURED, "base"), "min_frac", ("difference", "above", 0.02)),
    "C4: ratio of regrets to tuned Hedge's": (
        ("numbers-fol", "transformer", "rmft", "hedge-tuned"),
        "regret",
        ("ratio", "below", 1.1),
    ),
    "C8, C9: ratio of regrets of two methods": ((*CURED, "random-k"), "regret", ("ratio", "below", 0.95)),
    "S1: SuffFailFreq rises": (
        ("mab-gaussian", "tiny", "rmft", "base"),
        "suff_fail",
        ("difference", "above", 0.02),
    ),
    "S2: SuffFailFreq does not rise": ((*CURED, "base"), "suff_fail", ("difference", "below", 0.02)),
}
GROWTH = {  # of the change of beta: task, model, method
    "C3: change of beta (bandit, 2 seeds)": CURED,
    "C1: change of beta (full information, 1 seed)": ("fol-gaussian", "tiny-online", "rmft"),
}


@dataclass(frozen=True)
class Rates:
    """How often each of R verdicts was "reproduced": alone, and among the others."""

    alone: int
    among: int


def counted(found: np.ndarray, direction: str, threshold: float) -> Rates:
    """Verdicts of R x (effect, low, high, p)."""
    beyond = found[:, 2] < threshold if direction == "below" else found[:, 1] > threshold
    return Rates(int((beyond & (found[:, 3] <= LEVEL)).sum()), int((beyond & (CLAIMS * found[:, 3] <= LEVEL)).sum()))


def swapped(groups: Groups, rng: np.random.Generator) -> Groups:
    """The two halves of the columns exchanged in half of the scenarios, the same for all seeds."""
    coin = rng.random(len(groups[0])) < 0.5
    half = groups[0].shape[1] // 2
    return [np.where(coin[:, None], np.roll(values, half, axis=1), values) for values in groups]


def redrawn(groups: Groups, rng: np.random.Generator) -> Groups:
    """As many scenarios with replacement, the same for all seeds."""
    rows = rng.integers(len(groups[0]), size=len(groups[0]))
    return [values[rows] for values in groups]


def at_threshold(groups: Groups, statistic: str, threshold: float) -> Groups:
    """Pairs without an effect with the first moved so that the effect is the threshold."""
    if statistic == "ratio":
        return [values * np.array([threshold, 1.0]) for values in groups]
    return [values + np.array([threshold, 0.0]) for values in groups]


def simulated(make: Callable[[np.random.Generator], Groups], claim: tuple[str, str, float], name: str) -> Rates:
    """Verdicts on 1,000 made experiments; ``make`` gives E x 2 of each seed. All are judged at once, as columns."""
    rng = generator("benchmark", "claims", name)
    drawn = [make(rng) for _ in range(REPEATS)]
    groups = [
        np.concatenate([np.stack([d[i][:, side] for d in drawn], axis=1) for side in (0, 1)], axis=1)
        for i in range(len(drawn[0]))
    ]
    return counted(contrast(groups, *claim, rng=rng), *claim[1:])


def episodes(table: pd.DataFrame, case: tuple[str, str, str, str], metric: str) -> Groups:
    """Of each seed a metric after training, and of what it is compared with, on the same scenarios: E x 2."""
    task, model, method, other = case
    rows = table[(table["task"] == task) & (table["suite"] == "in-distribution")]
    own = rows[(rows["model"] == model) & (rows["method"] == method)]
    groups = []
    for seed in sorted(own["seed"].unique()):
        mine = own[own["seed"] == seed]
        after = mine[mine["iteration"] == mine["iteration"].max()]
        beside = mine[mine["iteration"] == 0]
        if other != "base":
            beside = rows[(rows["method"] == other) & rows["seed"].isin([seed, "all"])]
            beside = beside[beside["iteration"].fillna(0) == beside["iteration"].fillna(0).max()]
        both = [part.sort_values("episode")[metric].to_numpy(float) for part in (after, beside)]
        groups.append(np.stack(both, axis=1))
    return groups


def curves(results: Path, case: tuple[str, str, str]) -> Groups:
    """Of each seed the curves after training beside those of the base policy: E x 2T."""
    task, model, method = case
    groups = []
    for own in sorted((results / "cells" / model / task / method).glob("seed*")):
        last = max(own.glob("iter*/evaluation.parquet"), key=lambda path: int(path.parent.name[4:]))
        base = results / "cells" / model / task / "base" / own.name / "iter0/evaluation.parquet"
        both = []
        for path in (last, base):
            rows = files.read_table(path, files.EVALUATION).to_pandas()
            rows = rows[rows["suite"] == "in-distribution"].sort_values("episode")
            both.append(np.stack(rows["curve"].to_numpy()))
        groups.append(np.hstack(both))
    return groups


def beta_verdicts(groups: Groups, R: int, rng: np.random.Generator) -> np.ndarray:
    """R x (effect, low, high, p) of the change of beta as the table of growth has it, of E x 2RT of each seed: R curves
    after training, then R before."""
    n, columns = groups[0].shape
    pooled = np.mean(groups, axis=0).reshape(n, 2, R, columns // (2 * R))
    after, before = exponents(pooled.mean(axis=0))
    drawn = exponents(resampled(groups, rng=rng).reshape(-1, *pooled.shape[1:]))
    low, high = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975], axis=0)
    moved = after - before + influences(pooled[:, 0]) - influences(pooled[:, 1])
    return np.stack([after - before, low, high, student_below(moved, 0.0)], axis=1)


def tilted(groups: Groups, by: float) -> Groups:
    """Pairs without an effect with the first curves times t^by, so that beta changes by this."""
    half = groups[0].shape[1] // 2
    return [values * np.concatenate([np.arange(1, half + 1) ** by, np.ones(half)]) for values in groups]


def batch(groups: Groups, make: Make, rng: np.random.Generator) -> Groups:
    """Some made experiments beside each other: E x 2RT of each seed."""
    n, columns = groups[0].shape
    drawn = [make(redrawn(groups, rng), rng) for _ in range(BATCH)]
    halves = (np.stack([d[i] for d in drawn], axis=1).reshape(n, BATCH, 2, columns // 2) for i in range(len(groups)))
    return [np.swapaxes(part, 1, 2).reshape(n, -1) for part in halves]


def grown(groups: Groups, make: Make, name: str, threshold: float = -0.05) -> Rates:
    """Verdicts on the change of beta in 1,000 made experiments."""
    rng = generator("benchmark", "claims", name)
    found = [beta_verdicts(batch(groups, make, rng), BATCH, rng) for _ in range(REPEATS // BATCH)]
    return counted(np.array([judged(row, "below", threshold) for row in np.concatenate(found)]), "below", threshold)


def judged(row: np.ndarray, direction: str, threshold: float) -> tuple[float, ...]:
    """(effect, low, high, p) with the p of the threshold where that is larger, as the claims take it."""
    effect, low, high, p = map(float, row)
    return effect, low, high, max(p, normal_p(effect, low, high, direction, threshold))


def reported(effect: float, name: str, threshold: float = 0.1) -> Rates:
    """Verdicts on an effect that a table has with its interval: C6 and the lucky share of S1; standard error .03."""
    rng = generator("benchmark", "claims", name)
    effects = effect + 0.03 * rng.standard_normal(REPEATS)
    rows = [(e, e - 0.0588, e + 0.0588, normal_p(e, e - 0.0588, e + 0.0588, "above", threshold)) for e in effects]
    return counted(np.array(rows), "above", threshold)


def theorem(share: float, name: str, runs: int = 96) -> Rates:
    """Verdicts of C7 on 96 runs of which each keeps the bound with this chance."""
    kept = generator("benchmark", "claims", name).binomial(runs, share, REPEATS)
    found = [(0.0, 0.0, 0.0 if k == runs else 1.0, share_p(int(k), runs)) for k in kept]
    return counted(np.array(found), "below", 0.5)


def rows(results: Path) -> list[str]:
    """A line of the table for each kind of test."""
    table = pd.read_csv(results / "tables/evaluation.csv", dtype={"seed": str, "iteration": "Int64"}, low_memory=False)
    lines = []
    for name, (case, metric, test) in CASES.items():
        say(name)
        seen = episodes(table, case, metric)
        none = simulated(lambda rng, g=seen: swapped(redrawn(g, rng), rng), test, f"{name}, none")
        edge = simulated(
            lambda rng, g=seen, c=test: at_threshold(swapped(redrawn(g, rng), rng), c[0], c[2]), test, f"{name}, edge"
        )
        power = simulated(lambda rng, g=seen: redrawn(g, rng), test, f"{name}, power")
        after, before = np.mean(seen, axis=(0, 1))
        effect = after / before if test[0] == "ratio" else after - before
        lines.append(line(name, len(seen), len(seen[0]), none, edge, power, effect, test[-1]))
    for name, case in GROWTH.items():
        say(name)
        seen = curves(results, case)
        none = grown(seen, swapped, f"{name}, none")
        edge = grown(seen, lambda g, rng: tilted(swapped(g, rng), -0.05), f"{name}, edge")
        power = grown(seen, lambda g, rng: g, f"{name}, power")
        effect = float(beta_verdicts(seen, 1, generator("benchmark", "claims", "seen"))[0, 0])
        lines.append(line(name, len(seen), len(seen[0]), none, edge, power, effect, -0.05))
    name = "C6, S1: an effect of a table with its interval (normal, made)"
    found = [reported(effect, f"{name} {effect}") for effect in (0.0, 0.1, 0.2)]
    lines.append(line(name, 1, 0, *found, 0.2, 0.1))
    name = "C7: every run within 2% (binomial, made)"
    found = [theorem(share, f"{name} {share}") for share in (0.8, 0.9, 1.0)]
    return [*lines, line(name, 2, 96, *found, 1.0, 0.9)]


def line(name: str, seeds: int, n: int, none: Rates, edge: Rates, power: Rates, effect: float, threshold: float) -> str:
    """A row: how often in 1,000, with Wilson's interval of what one claim by itself does."""
    cells = [name, f"{n} x {seeds}" if n else "", f"{threshold:g}"]
    for rates in (none, edge, power):
        low, high = wilson(rates.alone / REPEATS, REPEATS)
        cells.append(f"{rates.alone} [{100 * low:.1f}, {100 * high:.1f}%]; {rates.among}")
    return f"| {' | '.join([*cells[:-1], f'{effect:.3g}', cells[-1]])} |"


HEAD = """| test | episodes x seeds | threshold | no effect | effect at the threshold | effect seen | power there |
|---|---|---|---|---|---|---|"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="a results folder of a whole run")
    args = parser.parse_args()
    print(HEAD, *rows(args.results), sep="\n")


if __name__ == "__main__":
    main()
