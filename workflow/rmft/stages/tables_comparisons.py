"""Policies against each other on the same held-out scenarios: paired differences, their intervals and tests."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from rmft.core.seeding import generator
from rmft.core.statistics import intervals, sign_flips

METRICS = ["regret", "suff_fail", "min_frac"]
Policy = tuple[str, int]  # a method and an iteration


def pairs(last: dict[str, int]) -> list[tuple[Policy, Policy]]:
    """What is compared, of methods with their last iteration N: each at N with the base policy and with itself at N - 1,
    and each two methods at the last iteration that both have; then, where that is not the last of both, at their ends."""
    found: list[tuple[Policy, Policy]] = [((method, n), ("base", 0)) for method, n in last.items()]
    found += [((method, n), (method, n - 1)) for method, n in last.items() if n > 1]
    for (one, n), (other, m) in combinations(last.items(), 2):
        common = min(n, m)
        found += [((one, common), (other, common))] + [((one, n), (other, m))] * (n != m)
    return found


def comparisons(episodes: pd.DataFrame) -> pd.DataFrame:
    """One row per model x task x suite x pair of policies x metric: the first less the second in the mean, with a 95%
    interval (seeds, then scenarios of each, are drawn again) and a two-sided p-value (signs of the scenarios' differences,
    the mean over seeds, are flipped: it speaks of these trained policies, the interval of others too)."""
    rows = []
    own = episodes[episodes["iteration"].notna()]
    for key, part in own.groupby(["model", "task", "suite", "kind"], sort=False):
        where = dict(zip(("model", "task", "suite", "kind"), key, strict=True))
        rows += list(_compared(where, part))
    columns = ["model", "task", "suite", "kind", "method", "iteration", "against", "against_iteration"]
    return pd.DataFrame(rows, columns=[*columns, "metric", "difference", "low", "high", "p", "episodes", "seeds"])


def _compared(where: dict, rows: pd.DataFrame) -> Iterator[dict]:
    """The rows of one task under one suite; all of its pairs share the bootstrap's draws and the coins."""
    chosen = pairs(rows.groupby("method", sort=False)["iteration"].max().to_dict())
    seeds = [_differences(part, chosen) for _, part in rows.groupby("seed", sort=False)]
    stream = ("tables", "comparisons", *where.values())
    found = intervals(seeds, rng=generator(*stream, "interval"))
    p = sign_flips(np.mean(seeds, axis=0), rng=generator(*stream, "signs"))
    names = [(pair, metric) for pair in chosen for metric in METRICS]
    for ((one, other), metric), values, chance in zip(names, found, p, strict=True):
        policies = {"method": one[0], "iteration": one[1], "against": other[0], "against_iteration": other[1]}
        numbers = dict(zip(("difference", "low", "high"), values, strict=True))
        sizes = {"episodes": len(seeds[0]), "seeds": len(seeds)}
        yield {**where, **policies, "metric": metric, **numbers, "p": chance, **sizes}


def _differences(rows: pd.DataFrame, chosen: list[tuple[Policy, Policy]]) -> np.ndarray:
    """Of one seed, E x (pairs x METRICS). Raises ValueError where two policies did not play the same scenarios."""
    played = {key: part.set_index("scenario_id")[METRICS] for key, part in rows.groupby(["method", "iteration"])}
    played[("base", 0)] = played[(rows["method"].iloc[0], 0)]
    columns = []
    for pair in chosen:
        one, other = (played[policy] for policy in pair)
        if not one.index.equals(other.index):
            raise ValueError(f"{pair[0]} and {pair[1]} were not evaluated on the same scenarios; evaluate them again")
        columns.append(one.to_numpy(float) - other.to_numpy(float))
    return np.concatenate(columns, axis=1)
