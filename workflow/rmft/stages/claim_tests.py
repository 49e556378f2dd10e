"""The tests of a claim on a cell: from the rows of the tables to an effect with its interval and p (``core/claims.py``)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rmft.core.claims import Found, contrast, normal_p, share_p
from rmft.core.seeding import generator
from rmft.figures.style import PRIMARY_SUITE
from rmft.stages.claim_cells import Cell, against
from rmft.stages.table_columns import bounded
from rmft.stages.table_files import path_of

PAIRED = "paired t test, hierarchical paired bootstrap"
APART = "t test of episodes on scenarios of their own, hierarchical bootstrap"


@dataclass(frozen=True)
class Question:
    """One test of a claim, where it is asked: ``twin``: see ``Cell``; ``stream``: names its randomness."""

    test: dict
    model: str
    task: str
    method: str
    twin: str
    stream: tuple[str, ...]

    @property
    def bound(self) -> dict:
        """What the claim says of the effect."""
        return {key: self.test[key] for key in ("direction", "threshold")}


Tables = dict[str, pd.DataFrame]
Seeds = dict[str, pd.Series]  # of each seed a metric by episode


def column(table: pd.DataFrame, name: str, of: str) -> pd.Series:
    """A column. Raises ValueError, naming table and mend, where it has none, or numbers for some rows alone."""
    path, mend = path_of(table, of), "name another in workflow/claims.yaml or make the table again"
    if name not in table:
        raise ValueError(f"{path}: lacks the column {name}; {mend}")
    if table[name].isna().any() and not table[name].isna().all():
        raise ValueError(f"{path}: column {name}: row {table[name].isna().idxmax()} holds nothing; {mend}")
    return table[name]


def last(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last policy; none where nothing was trained."""
    iteration = rows["iteration"].max()
    return rows[rows["iteration"] == iteration] if len(rows) and iteration > 0 else rows.iloc[:0]


def of_policy(table: pd.DataFrame, model: str, task: str, method: str, suite: str = PRIMARY_SUITE) -> pd.DataFrame:
    """The rows of a method's policies under a suite."""
    rows = table[(table["model"] == model) & (table["task"] == task) & (table["method"] == method)]
    return rows[rows["suite"] == suite] if "suite" in rows else rows


def by_seed(rows: pd.DataFrame, metric: str) -> Seeds:
    """A metric of each seed, by episode."""
    values = column(rows, metric, "evaluation")
    return {seed: values[part.index].set_axis(part["episode"]).sort_index() for seed, part in rows.groupby("seed")}


def best_baseline(
    table: pd.DataFrame, task: str, suite: str, names: list[str], metric: str
) -> tuple[str, pd.Series] | None:
    """That of the named baselines which has the least mean, and its episodes; None unless all of them were played."""
    rivals = table[table["kind"].eq("baseline") & (table["task"] == task) & (table["suite"] == suite)]
    rivals = rivals[rivals["method"].isin(names)]
    means = column(rivals, metric, "evaluation").groupby(rivals["method"]).mean()
    if len(means) < len(names):
        return None
    name = str(means.idxmin())
    return name, by_seed(rivals[rivals["method"] == name], metric)["all"]


def other(question: Question, table: pd.DataFrame, suite: str) -> tuple[str, Callable[[str], pd.Series | None]] | None:
    """What a policy is compared with, in words, and its episodes for each seed; None where it was not played."""
    q, metric = question, question.test["metric"]
    if q.test.get("against") == "base":
        rows = of_policy(table, q.model, q.task, q.method, suite)
        return "the base policy", by_seed(rows[rows["iteration"] == 0], metric).get
    if names := against(q.test, "baselines"):
        found = best_baseline(table, q.task, suite, names, metric)
        return found and (found[0], lambda _: found[1])
    task, method = (q.twin or q.task), against(q.test, "method") or q.method
    rows = last(of_policy(table, q.model, task, method, suite))
    return None if rows.empty else (method if task == q.task else task, by_seed(rows, metric).get)


def paired(question: Question, table: pd.DataFrame, suite: str) -> Found | None:
    """The last policy's episodes against the others on the same scenarios, of the seeds that both have."""
    q = question
    rows = last(of_policy(table, q.model, q.task, q.method, suite))
    beside = None if rows.empty else other(q, table, suite)
    if beside is None:
        return None
    pairs = [(now, beside[1](seed)) for seed, now in by_seed(rows, q.test["metric"]).items()]
    pairs = [pair for pair in pairs if pair[1] is not None]
    if not pairs:
        return None
    if any(not now.index.equals(then.index) for now, then in pairs):
        told = f"{q.task}, {suite}: episodes of {q.method} and {beside[0]} differ"
        raise ValueError(f"{path_of(table, 'evaluation')}: {told}; make it again")
    groups = [np.stack(pair, axis=1).astype(float) for pair in pairs]
    rng = generator("claims", *q.stream, suite)
    found = contrast(groups, q.test["statistic"], **q.bound, rng=rng)[0]
    name = q.test["name"] + (f", {suite}" if suite != PRIMARY_SUITE else "")
    told = f"{q.test['statistic']} to {beside[0]}; {APART if q.twin else PAIRED}"
    return Found(name, *map(float, found), **q.bound, episodes=len(groups[0]), seeds=len(groups), test=told)


def reported(question: Question, table: pd.DataFrame) -> Found | None:
    """What a table says of the last policy, seeds pooled, with its own interval and p."""
    q, test = question, question.test
    rows = last(of_policy(table, q.model, q.task, q.method))
    pooled = rows[rows["seed"] == "all"] if rows["seed"].nunique() > 1 else rows
    if pooled.empty or pd.isna(column(pooled, test["metric"], test["table"]).iloc[0]):
        return None
    row = pooled.iloc[0]
    value = float(row[test["metric"]])
    low, high = (float(row.get(f"{test['metric']}_{end}", value)) for end in ("low", "high"))
    p = float(column(pooled, test["p"], test["table"]).iloc[0])
    p = max(p, normal_p(value, low, high, **q.bound))  # the table's p is of no effect, or of beta = 1
    own = rows[rows["seed"] != "all"]  # where seeds are pooled, tables may count the episodes of all of them
    episodes = column(own if len(own) else pooled, "episodes", test["table"])
    counts = {"episodes": int(episodes.iloc[0]), "seeds": max(len(own), 1)}
    return Found(
        test["name"],
        value,
        low,
        high,
        p,
        **q.bound,
        **counts,
        test=f"{test['p']} of {test['table']}.csv, and normal at the threshold",
    )


def excess(question: Question, table: pd.DataFrame) -> Found | None:
    """A share among the first selection's trajectories less that among all rolled out, which a blind choice would have."""
    q, metric = question, question.test["metric"]
    rows = of_policy(table, q.model, q.task, q.method)
    first = rows[rows["iteration"] == 0]
    pooled = first[first["seed"] == "all"]
    if pooled.empty:
        return None
    base = float(column(pooled, f"{metric}_all", "selection").iloc[0])
    effect, low, high = (
        float(column(pooled, name, "selection").iloc[0]) - base for name in bounded(f"{metric}_selected")
    )
    p = normal_p(effect, low, high, **q.bound)
    counts = {"episodes": int(column(pooled, "selected", "selection").iloc[0]), "seeds": len(first) - 1}
    return Found(q.test["name"], effect, low, high, p, **q.bound, **counts, test="normal, interval of selection.csv")


def largest(question: Question, table: pd.DataFrame) -> Found:
    """The largest of all runs, with the least and the largest for an interval; p: that fewer than 9 of 10 keep it."""
    values = column(table, question.test["metric"], question.test["table"])
    p = share_p(int((values < question.test["threshold"]).sum()), len(values))
    counts = _counts(table, 1)
    told = "binomial, that more than nine of ten runs keep the bound; interval: all runs"
    ends = [float(v) for v in (values.max(), values.min(), values.max())]
    return Found(question.test["name"], *ends, p, **question.bound, **counts, test=told)


def equivalent(question: Question, table: pd.DataFrame) -> Found:
    """The largest difference of all runs, of either sign, over another column; p: of the worst run, both sides tested."""
    q, metric = question, question.test["metric"]
    over = column(table, q.test["over"], q.test["table"])
    effect, low, high = (column(table, name, q.test["table"]) / over for name in bounded(metric))
    bounds = [(float(e), float(a), float(b)) for e, a, b in zip(effect, low, high, strict=True)]
    ps = [max(normal_p(*b, "below", q.test["threshold"]), normal_p(*b, "above", -q.test["threshold"])) for b in bounds]
    e, a, b = max(bounds, key=lambda found: max(abs(found[1]), abs(found[2])))
    least = 0.0 if a <= 0 <= b else min(abs(a), abs(b))
    counts = _counts(table, int(column(table, "episodes", q.test["table"]).max()))
    told = "two one-sided normal tests in every run, the worst of all; interval: the worst run's, without its sign"
    return Found(q.test["name"], abs(e), least, max(abs(a), abs(b)), max(ps), **q.bound, **counts, test=told)


def _counts(table: pd.DataFrame, episodes: int) -> dict[str, int]:
    """How many episodes (or none, but runs) stand behind a table of runs, for each of its seeds."""
    seeds = table["seed"].nunique()
    return {"episodes": episodes * len(table) // seeds, "seeds": seeds}


KINDS = {"reported": reported, "excess": excess, "largest": largest, "equivalent": equivalent}


def answers(question: Question, tables: Tables) -> list[Found] | None:
    """What a test found, suite by suite; None where a part of what it needs was not run."""
    table = tables.get(question.test["table"])
    if table is None or table.empty:
        return None
    if (kind := KINDS.get(question.test["statistic"])) is not None:
        found = [kind(question, table)]
    else:
        suites = [PRIMARY_SUITE]
        if "suites" in question.test:
            rows = table[(table["model"] == question.model) & (table["task"] == question.task)]
            suites = [name for name in dict.fromkeys(rows["suite"]) if name != PRIMARY_SUITE]
        found = [paired(question, table, suite) for suite in suites]
    return None if not found or None in found else found


def evidence(key: str, claim: dict, cell: Cell, tables: Tables) -> list[Found] | None:
    """All parts of a claim on a cell; None where one was not run."""
    parts: list[Found] = []
    twins = cell.twins or ("",) * len(claim["tests"])
    for test, twin in zip(claim["tests"], twins, strict=True):
        where = (cell.model, cell.task, claim["cells"].get("method", ""))
        found = answers(Question(test, *where, twin, (key, *where, test["name"])), tables)
        if found is None:
            return None
        parts += found
    return parts
