"""The report's main tables: before and after, seed by seed, under suites."""

import pandas as pd

from rmft.figures import style
from rmft.figures.suites import after, best, sign
from rmft.stages.findings import Cell, bounded, number

METRICS = {
    "regret": "regret at T",
    "change": "change",
    "information_regret": "information regret",
    "suff_fail": "SuffFail(T/2)",
    "min_frac": "K·MinFrac",
}
PLAIN = {"greedy_frac": "GreedyFrac", "coverage": "arms tried"}
RATES = {"parse_failure_rate": "answers failed", "renormalised_rate": "answers renormalised"}
HEADS = {
    "main": ["", *METRICS.values(), *PLAIN.values(), *RATES.values()],
    "suites": ["suite", "method", "regret, base", "regret, last", "change", "training", "best baseline"],
    "seeds": ["", "seed", "regret, base", "regret, last", "ratio", "SuffFail(T/2)", "lucky picks"],
    "claims": ["claim", "model, task", "verdict", "effect, 95% interval", "decided on", "n", "p"],
    "unrun": ["claim", "model", "task", "the command that would run it"],
    "signatures": ["signature", "looked for", "flagged"],
    "flagged": ["signature", "task, model", "method", "what was seen"],
    "cells": [
        "task, model",
        "method",
        "seed",
        "iteration",
        "regret",
        "episodes",
        "tokens",
        "selected",
        "its jobs took",
    ],
}


def table_row(name: str, row: pd.Series) -> list[Cell]:
    """The cells of one row of the main table."""
    cells = [bounded(row, metric) for metric in METRICS]
    if row["iteration"] is not pd.NA and row["iteration"] == 0:
        cells[list(METRICS).index("change")] = ("–", "")
    plain = [(number(row["greedy_frac"]), ""), (number(row["coverage"]), "")]
    rates = [("–" if row["kind"] != "policy" else f"{row[rate]:.2%}", "") for rate in RATES]
    return [(name, ""), *cells, *plain, *rates]


def groups(summary: pd.DataFrame, pair: style.Pair) -> list[dict]:
    """The main table: the base policy, each method iteration by iteration, the baselines from best to worst."""
    own = style.of_pair(style.policies(summary), pair)
    pooled = own[own["seed"] == "all"]
    base = pooled[pooled["iteration"] == 0].iloc[0]
    found = [{"title": "before fine-tuning", "rows": [table_row("base policy", base)]}]
    for label, rows in pooled[pooled["iteration"] > 0].groupby("label", sort=False):
        steps = [table_row(f"iteration {row['iteration']}", row) for _, row in rows.iterrows()]
        found.append({"title": label, "rows": steps})
    rivals = style.baselines(summary, pair[1]).sort_values("regret")
    found.append({"title": "baselines", "rows": [table_row(row["label"], row) for _, row in rivals.iterrows()]})
    return found


def seed_rows(summary: pd.DataFrame, selection: pd.DataFrame, pair: style.Pair) -> list[list[Cell]]:
    """First against last iteration of each method, seed by seed."""
    own = style.of_pair(style.policies(summary), pair)
    chosen, rows = style.of_pair(selection, pair), []
    for (label, method, seed), part in own[own["seed"] != "all"].groupby(["label", "method", "seed"], sort=False):
        part = part.sort_values("iteration")
        first, last = part.iloc[0], part.iloc[-1]
        picks = chosen[(chosen["method"] == method) & (chosen["seed"] == seed)].sort_values("iteration")
        ratio = number(last["regret"] / first["regret"])
        luck = f"{picks['lucky_selected'].iloc[0]:.0%} → {picks['lucky_selected'].iloc[-1]:.0%}"
        failing = f"{number(first['suff_fail'])} → {number(last['suff_fail'])}"
        regrets = [bounded(first, "regret"), bounded(last, "regret")]
        rows.append([(label, ""), (seed, ""), *regrets, (ratio, ""), (failing, ""), (luck, "")])
    return rows


def suite_rows(summary: pd.DataFrame, pair: style.Pair) -> list[list[Cell]]:
    """Under each suite, for each method: before, after, the paired change and its sign, the best baseline."""
    pooled = style.of_pair(style.policies(summary), pair)
    pooled = pooled[(pooled["seed"] == "all") & (pooled["suite"] != style.PRIMARY_SUITE)]
    rivals, rows = style.baselines(summary, pair[1]), []
    for suite in style.unique(pooled["suite"]):
        here = pooled[pooled["suite"] == suite]
        base, rival = here[here["iteration"] == 0].iloc[0], best(rivals, suite)
        against = ("–", "") if rival is None else (number(rival["regret"]), rival["label"])
        for _, last in after(here).iterrows():
            moves = f", V_T {number(last['variation'])}"
            name = (f"{suite} (T={last['horizon']})", last["measure"] + moves * int(last["variation"] > 0))
            values = [bounded(row, metric) for row, metric in ((base, "regret"), (last, "regret"), (last, "change"))]
            rows.append([name, (last["label"], ""), *values, (sign(last), ""), against])
    return rows
