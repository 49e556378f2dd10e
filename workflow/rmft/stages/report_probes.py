"""The report's page of reasonings: what the base policy and the trained one say to the same histories."""

import json

import pandas as pd

SHOWN = 2  # histories of each kind, the first in the table [ours]
KINDS = {
    "plain": "plain: random actions of the task",
    "lucky-bad-arm": "trap: an arm of low mean that was lucky",
    "fluctuating": "trap: averages alike, one arm's rewards going up and down",
}


def probes(table: pd.DataFrame) -> list[dict]:
    """For each model and task the first histories of each kind, with the first reply of every policy of the first seed:
    the base policy once, then each method's last iteration. Chosen by place in the table, not by hand."""
    pages = []
    for (model, task), part in table.groupby(["model", "task"], sort=False):
        part = part[part["seed"] == part["seed"].iloc[0]]
        chosen = [
            h for _, rows in part.groupby("kind", sort=False) for h in list(dict.fromkeys(rows["history"]))[:SHOWN]
        ]
        histories = [_history(part[part["history"] == name]) for name in chosen]
        pages.append({"title": f"{task}, model {model}", "seed": part["seed"].iloc[0], "histories": histories})
    return pages


def rate_rows(table: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """How often each policy names a right arm, by kind of history, over all its replies."""
    rows, keys = [], ["model", "task", "method", "iteration"]
    shared = table.groupby(["model", "task", "seed"], sort=False)["method"].transform("first")
    once = table[(table["iteration"] > 0) | (table["method"] == shared)]
    once = once.assign(method=once["method"].where(once["iteration"] > 0, "base"))
    for (model, task, method, iteration), part in once.groupby(keys, sort=False):
        cells = []
        for kind in KINDS:
            judged = part.loc[part["kind"] == kind, "right"].astype(str)
            right, named = (judged == "True").sum(), judged.isin(["True", "False"]).sum()
            cells.append(
                (f"{right} of {named}" if len(judged) else "–", f"of {len(judged)} replies" if len(judged) else "")
            )
        rows.append([(f"{task}, {model}", ""), (f"{method}, iteration {iteration}", ""), *cells])
    return rows


def _history(rows: pd.DataFrame) -> dict:
    """One history: what was asked, the averages so far, and the replies side by side."""
    first, found = rows.iloc[0], {}
    for _, row in rows.sort_values("iteration", kind="stable").iterrows():
        name = f"{row['method']}, iteration {row['iteration']}" if row["iteration"] else "base policy"
        found.setdefault(name, {"who": name, "text": row["reply"], "mark": _mark(row["right"])})
    kind = KINDS.get(first["kind"], first["kind"])
    return {
        "kind": kind,
        "prompt": first["prompt"],
        "averages": _averages(first["averages"]),
        "replies": list(found.values()),
    }


def _mark(right: object) -> str:
    """What came of the arm that a reply calls best."""
    return {"True": "names a right arm", "False": "names a wrong arm"}.get(str(right), "names none")


def _averages(text: str) -> str:
    """The averages of a history, arm by arm. Raises ValueError where they are not JSON."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        raise ValueError("probes.csv: averages: not JSON; delete it and make it again") from None
    named = value.items() if isinstance(value, dict) else enumerate(value)
    return ", ".join(f"{arm}: {'never tried' if mean is None else f'{mean:.2f}'}" for arm, mean in named)
