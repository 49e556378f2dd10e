"""summary: print the main numbers of the tables and where to look."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from rmft.figures import style
from rmft.stages import program
from rmft.stages.signatures import warning
from rmft.stages.table_files import read_table


def bounded(row: pd.Series, metric: str, digits: int = 2) -> str:
    """A mean with its interval: 2.17 [2.05, 2.29]."""
    return f"{row[metric]:.{digits}f} [{row[f'{metric}_low']:.{digits}f}, {row[f'{metric}_high']:.{digits}f}]"


def ends(summary: pd.DataFrame, pair: style.Pair, method: str) -> tuple[pd.Series, pd.Series]:
    """The pooled rows of the base policy and of the last iteration of a method."""
    rows = style.of_pair(style.policies(summary), pair)
    rows = rows[(rows["method"] == method) & (rows["seed"] == "all")].sort_values("iteration")
    return rows.iloc[0], rows.iloc[-1]


def lucky(selection: pd.DataFrame, pair: style.Pair, method: str) -> tuple[float, float]:
    """Share of lucky picks in the first and in the last selection, seeds pooled."""
    rows = style.of_pair(selection, pair)
    rows = rows[(rows["method"] == method) & (rows["seed"] == "all")].sort_values("iteration")
    return rows["lucky_selected"].iloc[0], rows["lucky_selected"].iloc[-1]


def shown(rows: pd.DataFrame) -> list[str]:
    """Three methods at most: the experiment's first, then those of the least and of the largest regret at their end."""
    pooled = rows[(rows["seed"] == "all") & (rows["iteration"] > 0)]
    last = pooled.sort_values("iteration").groupby("method")["regret"].last()
    methods = style.unique(rows["method"])
    return [m for m in methods if len(methods) <= 3 or m in (methods[0], last.idxmin(), last.idxmax())]


def lines(summary: pd.DataFrame, selection: pd.DataFrame) -> list[str]:
    """The main numbers: for each (model, task) pair a line, and one for each of three methods at most."""
    summary = style.primary(summary)
    own = style.policies(summary)
    text = [f"{style.counts(own)}; [95% intervals]"]
    text += [f"{'':44}{'regret, base':>20}{'regret, last':>20}{'ratio':>7}  SuffFail(T/2)   lucky picks"]
    for pair in style.pairs(own):
        rows = style.of_pair(own, pair)
        methods = shown(rows)
        text.append(_title(rows, style.attainable(style.baselines(summary, pair[1])), len(methods), pair))
        text += [_line(*ends(summary, pair, method), lucky(selection, pair, method)) for method in methods]
    return text


def _title(rows: pd.DataFrame, rivals: pd.DataFrame, methods: int, pair: style.Pair) -> str:
    """The pair, which regret it is, the best baseline, and how many methods are left out."""
    text = f"{pair[1]}, model {pair[0]}: {style.measure(rows)}"
    if not rivals.empty:
        best = rivals.loc[rivals["regret"].idxmin()]
        text += f"; best baseline {best['label']} {best['regret']:.2f}"
    more = rows["method"].nunique() - methods
    return text + f" ({more} more methods in the report)" * (more > 0)


def _line(first: pd.Series, last: pd.Series, picks: tuple[float, float]) -> str:
    """The numbers of one method."""
    return (
        f"  {last['label']:42}{bounded(first, 'regret'):>20}{bounded(last, 'regret'):>20}"
        f"{last['regret'] / first['regret']:>7.2f}  {first['suff_fail']:.2f} -> {last['suff_fail']:.2f}"
        f"    {picks[0]:.2f} -> {picks[1]:.2f}"
    )


def flags(signatures: pd.DataFrame) -> list[str]:
    """How many checks for signs of failure were flagged, and the first of each kind."""
    rows = signatures[signatures["flagged"]]
    counts = [f"{count} {name}" for name, count in rows["signature"].value_counts(sort=False).items()]
    text = [f"Signs of failure: {', '.join(counts) or 'none'} in {len(signatures)} checks (signatures.csv)"]
    return text + [f"  {warning(row)}" for row in rows.drop_duplicates("signature").to_dict("records")]


def work(args: argparse.Namespace) -> None:
    """Print the numbers, then where the report, the figures and the tables are."""
    folder = args.tables
    print(*lines(read_table(folder, "summary"), read_table(folder, "selection")), "", sep="\n")
    print(*flags(read_table(folder, "signatures")), "", sep="\n")
    print(f"Report:  {(folder.parent / 'report.html').resolve()}")
    print(f"Figures: {folder.parent / 'figures'}    Tables: {folder}")


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="summary", description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
