"""How fast regret grows: the exponents beta of t^beta, before and after training, beside the baselines (claims C1, C3)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from rmft.figures import evidence, style

TABLES = ("growth",)
CLEAR = 0.05  # p_reg below which a dot is filled
NOTE = (
    "beta: slope of log regret on log t, seeds pooled; bars: 95% intervals. Filled: p_reg < 0.05. "
    "Change: less that of the base policy on the same scenarios."
)


def rows(growth: pd.DataFrame) -> tuple[pd.DataFrame]:
    """On the tasks as they stand, seeds pooled: the base policy, the last iteration of each method, and the baselines."""
    here = style.primary(growth)
    here = here[here["seed"] == "all"]
    own = style.policies(here)
    shown = own[own["iteration"] == 0].index.union(evidence.ends(own).index)
    rivals = style.attainable(here)
    rivals = rivals[rivals["task"].isin(own["task"])]
    return (here[here.index.isin(shown.union(rivals.index))],)


def draw(growth: pd.DataFrame) -> Figure:
    """From growth.csv: a band for each model and task, a line for each policy."""
    (shown,) = rows(growth)
    own = style.policies(shown)
    if own.empty:
        return style.empty("No growth exponents of any policy in the tables: nothing to draw.")
    tones = style.colours(style.unique(own["method"]))

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _panel(band.subplots(1, 1), style.of_pair(own, pair), style.baselines(shown, pair[1]), tones)

    figure = style.stacked(style.pairs(own), lambda pair: 0.75 + 0.19 * _size(shown, pair), panel, NOTE)
    figure.legend(handles=_legend(), loc="outside upper left", ncols=3)
    return figure


def _size(shown: pd.DataFrame, pair: style.Pair) -> int:
    """Lines of a band."""
    own = style.of_pair(style.policies(shown), pair)
    return 1 + own["method"].nunique() + len(style.baselines(shown, pair[1]))


def _panel(axis: Axes, own: pd.DataFrame, rivals: pd.DataFrame, tones: dict[str, str]) -> None:
    """The base policy on top, then each method's last iteration, then the baselines from slow growth to fast."""
    lines = [("base policy (iteration 0)", own[own["iteration"] == 0].iloc[0], style.INK, "*")]
    for _, row in evidence.ends(own).iterrows():
        name = f"{row['label']}, iteration {row['iteration']}"
        lines.append((name, row, tones[row["method"]], style.markers(tones)[row["method"]]))
    lines += [(row["label"], row, style.GREY, "d") for _, row in rivals.sort_values("beta").iterrows()]
    for y, (_, row, colour, marker) in enumerate(lines):
        axis.hlines(y, row["beta_low"], row["beta_high"], color=colour, lw=1.3)
        face = colour if row["p_reg"] < CLEAR else "white"
        axis.plot(row["beta"], y, marker=marker, ms=6 if marker == "*" else 4.5, color=colour, mfc=face, ls="")
        axis.text(1.01, y, _change(row), transform=axis.get_yaxis_transform(), fontsize=6.5, va="center", color=colour)
    axis.axvline(1, color=style.INK, lw=0.9, ls=(0, (4, 1.5)), zorder=1)
    axis.set_yticks(range(len(lines)), [name for name, *_ in lines], fontsize=6.8)
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.set_xlim(right=max(1.05, axis.get_xlim()[1]))
    axis.set_xlabel("beta: regret grows like t^beta (1: linearly; below: more and more slowly)")


def _change(row: pd.Series) -> str:
    """The paired change against the base policy, of a trained policy."""
    if pd.isna(row["iteration"]) or row["iteration"] == 0 or pd.isna(row["change"]):
        return ""
    return f"change {row['change']:+.2f} [{row['change_low']:+.2f}, {row['change_high']:+.2f}]".replace("-", "−")


def _legend() -> list[Line2D]:
    """What the marks mean; a method's colour and marker are those of its line's name."""
    base = Line2D([], [], ls="", marker="*", color=style.INK, label="base policy")
    rival = Line2D([], [], ls="", marker="d", color=style.GREY, label="baseline")
    unclear = Line2D([], [], ls="", marker="o", color=style.GREY, mfc="white", label="open: p_reg not below 0.05")
    return [base, rival, unclear]
