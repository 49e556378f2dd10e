"""What came out, in sentences: an improvement is claimed where it is clear, and everything else is said as plainly."""

import pandas as pd

from rmft.figures import style
from rmft.figures.suites import SIGNS, after, sign
from rmft.stages.summary import ends, lucky

Cell = tuple[str, str]  # a value and its bounds


def number(value: float, digits: int = 2) -> str:
    """A number for people, with a true minus sign; a dash where there is none."""
    return "–" if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def bounded(row: pd.Series, metric: str) -> Cell:
    """A mean and its 95% interval."""
    if pd.isna(row[metric]):
        return "–", ""
    return number(row[metric]), f"[{number(row[f'{metric}_low'])}, {number(row[f'{metric}_high'])}]"


def verdict(row: pd.Series) -> str:
    """What became of the regret, from the interval of the paired change: an improvement is claimed only if it is clear."""
    change, bounds = bounded(row, "change")
    said = {"helped": "improved", "hurt": "did not improve, it became worse", "unclear": "did not improve clearly"}
    return f"{said[sign(row)]} (change {change} {bounds})"


def findings(summary: pd.DataFrame, selection: pd.DataFrame, pair: style.Pair) -> list[str]:
    """A sentence for each method: what came of it, with its numbers; then suites, drift, answers and baselines."""
    rows = style.of_pair(style.policies(summary), pair)
    first = style.primary(summary)
    sentences = []
    for method in style.unique(rows["method"]):
        base, last = ends(first, pair, method)
        picks = lucky(selection, pair, method)
        many = f"{last['iteration']} iteration{'s' * int(last['iteration'] != 1)}"
        sentences.append(
            f"{last['label']}: {last['measure']} {number(base['regret'])} → {number(last['regret'])} after {many}: "
            f"{verdict(last)}; SuffFailFreq(T/2) {number(base['suff_fail'])} → {number(last['suff_fail'])}, "
            f"lucky share of the selected {picks[0]:.0%} → {picks[1]:.0%}."
        )
    pooled = rows[rows["seed"] == "all"]
    return [*sentences, *_carried(pooled), *_conditions(style.primary(pooled)), *_bounds(first, pair)]


def _carried(pooled: pd.DataFrame) -> list[str]:
    """On which suites each method's training helped, and on which it hurt."""
    elsewhere = after(pooled[pooled["suite"] != style.PRIMARY_SUITE])
    sentences = []
    for label, rows in elsewhere.groupby("label", sort=False):
        signs = [sign(row) for _, row in rows.iterrows()]
        names = {kind: [n for n, s in zip(rows["suite"], signs, strict=True) if s == kind] for kind in SIGNS}
        parts = [f"{kind} on {len(names[kind])} ({', '.join(names[kind]) or 'none'})" for kind in ("helped", "hurt")]
        sentences.append(
            f"Under its {len(rows)} suites, {label} {', '.join(parts)}, neither clearly on {len(names['unclear'])}."
        )
    return sentences


def _conditions(pooled: pd.DataFrame) -> list[str]:
    """How much the means moved, and how many answers were not read as they stood, at most over policies."""
    sentences = []
    if (moved := pooled["variation"].max()) > 0:
        sentences.append(
            f"The means move: V_T, the sum of their largest moves from step to step, is {number(moved)} on average."
        )
    failed, mended = pooled["parse_failure_rate"].max(), pooled["renormalised_rate"].max()
    worst = f"At most {failed:.2%} of a policy's answers needed a second asking or failed"
    sentences.append(f"{worst}, and {mended:.2%} were renormalised to sum to 1.")
    return sentences


def _bounds(summary: pd.DataFrame, pair: style.Pair) -> list[str]:
    """What the best and the worst baseline reach on the same scenarios."""
    rivals = style.attainable(style.baselines(summary, pair[1])).sort_values("regret")
    if rivals.empty:
        return []
    top, worst = rivals.iloc[0], rivals.iloc[-1]
    return [
        f"On the same scenarios the best baseline, {top['label']}, has regret {number(top['regret'])}; "
        f"the worst, {worst['label']}, {number(worst['regret'])}."
    ]
