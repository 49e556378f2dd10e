"""The page of claims for people: every verdict with its numbers, then what was not run and how to run it."""

import math

from rmft.core.claims import NOT_RUN

HEAD = """# Claims

Stated beforehand in `workflow/claims.yaml`; every number is ours, none is the paper's. A claim is **reproduced** where the
whole 95% interval of each of its tests lies beyond the threshold and p, corrected by Holm for the {count} verdicts below, is
at most 5%. The effect shown is that of the test on which it is decided, the weakest one; p is the largest of its tests, as
all must hold. Verdicts are about *these* trained policies: a scenario, with all seeds that played it, is one draw. Intervals
draw whole seeds again; a claim about training with other seeds needs more of them than two.

| claim | model, task | verdict | decided on | effect, 95% interval | claimed | n = episodes x seeds | p | p corrected |
|---|---|---|---|---|---|---|---|---|
"""
NOTHING = "\nEvery cell was run.\n"
SENTENCES = "\n## What is claimed\n\n"
MORE = """
## All tests

| claim | model, task | test | effect, 95% interval | claimed | p | how |
|---|---|---|---|---|---|---|
"""
UNRUN = "\n## Not run\n\n| claim | model, task | command that would run it |\n|---|---|---|\n"
SIGNS = {"below": "<", "above": ">"}


def number(value: float) -> str:
    """Three digits, with a true minus sign."""
    if math.isinf(value):
        return "inf"
    return "0" if abs(value) < 5e-5 else f"{value:.3g}".replace("-", "−")


def chance(p: float) -> str:
    """A p-value."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def shown(part: dict) -> str:
    """An effect with its interval: 2.17 [2.05, 2.29]."""
    return f"{number(part['effect'])} [{number(part['low'])}, {number(part['high'])}]"


def claimed(part: dict) -> str:
    """On which side of what threshold the effect is claimed to be."""
    return f"{SIGNS[part['direction']]} {number(part['threshold'])}"


def line(*columns: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(columns)} |\n"


def where(row: dict) -> str:
    """Where a claim was tested."""
    return f"{row['model']}, {row['task']}"


def verdict(row: dict) -> str:
    """The row of what was run."""
    said = f"**{row['verdict']}**" + ("" if row["verdict"] == "reproduced" else f": {row['why']}")
    n = f"{row['episodes']:,} x {row['seeds']}"
    ps = chance(row["p"]), chance(row["p_corrected"])
    return line(row["id"], where(row), said, row["statistic"], shown(row), claimed(row), n, *ps)


def page(rows: list[dict]) -> str:
    """The page, in Markdown."""
    run = [row for row in rows if row["verdict"] != NOT_RUN]
    text = HEAD.format(count=len(run)) + "".join(verdict(row) for row in run) + SENTENCES
    for row in {row["id"]: row for row in rows}.values():
        doubt = " (a weak source)" if row["weak"] else ""
        text += f"- **{row['id']}** {row['claim']} Source: {row['source']}{doubt}.\n"
    text += MORE
    for row in run:
        for part in row["parts"]:
            how = (chance(part["p"]), part["test"])
            text += line(row["id"], where(row), part["statistic"], shown(part), claimed(part), *how)
    left = [row for row in rows if row["verdict"] == NOT_RUN]
    return text + (UNRUN + "".join(line(r["id"], where(r), f"`{r['command']}`") for r in left) if left else NOTHING)
