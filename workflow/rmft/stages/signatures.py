"""signatures: signs of a failed run, looked for in every cell; what is flagged is a warning, never an error.

    alike       the rollouts of a scenario hardly differ: whatever is selected from them is chance
    degenerate  held-out play is nearly uniform, or nearly one arm
    overfit     the training loss falls while the held-out regret rises, against the policy before
    flat        the held-out regret is not lower than the base policy's after some iterations
    lucky       many of the selected were good without being able to know it

The base policy, and what it rolled out for several methods, stand once, under the method "base".
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.stages import files, program
from rmft.stages.experiment import Run
from rmft.stages.table_columns import CELL, COLUMNS, bounded
from rmft.stages.table_files import path_of, read_table, write_table

BOUNDS = {
    "alike": ("diversity",),
    "degenerate": ("least", "most"),
    "overfit": ("rise",),
    "flat": ("fall", "after"),
    "lucky": ("share",),
}
RUN = CELL[:4]
LOOKED_AT = {
    "selection": ["lucky_all", *bounded("diversity", "lucky_selected")],
    "summary": ["suite", *bounded("entropy", "policy_entropy")],
    "evaluation": ["suite", "scenario_id", "regret"],
    "learning_curves": ["stage", "split", "x", "loss"],
}


def bounds_of(text: str) -> dict[str, dict[str, float]]:
    """The bounds of ``--bounds``. Raises ValueError, naming the key, where one is missing or no number."""
    bounds = program.entry(text, "--bounds", *BOUNDS)
    for name, key in ((name, key) for name, keys in BOUNDS.items() for key in keys):
        if not isinstance(bounds[name], dict) or type(bounds[name].get(key)) not in (int, float):
            raise ValueError(f"--bounds: {name}.{key} must be a number")
    return {name: {key: bounds[name][key] for key in keys} for name, keys in BOUNDS.items()}


def alike(selection: pd.DataFrame, firsts: dict[tuple, str], diversity: float) -> Iterator[dict]:
    """One row for each cell in which scenarios were rolled out more than once. ``firsts``: by RUN, the method whose cell
    holds what the base policy rolled out."""
    for row in selection[selection["diversity"].notna()].to_dict("records"):
        method = row["method"] if row["iteration"] else firsts[tuple(row[key] for key in RUN)]
        said = (
            f"two rollouts of a scenario are {_bounded(row, 'diversity', '.0%')} apart (share of steps that differ; of "
            f"distributions, total variation); below {diversity:.0%} there is little to select from"
        )
        flagged = row["diversity"] < diversity
        yield _row(row, row["diversity"], diversity, flagged, said) | {"method": method}


def degenerate(summary: pd.DataFrame, least: float, most: float) -> Iterator[dict]:
    """One row for each policy, with the bound that is nearer (or further behind). Nearly uniform: the mean entropy of pi_t
    where that is known, else of the arms played. Nearly one arm: the entropy of the arms played."""
    for row in summary.to_dict("records"):
        step = "entropy" if pd.isna(row["policy_entropy"]) else "policy_entropy"
        uniform = row[step] - most >= least - row["entropy"]
        name, bound, side, what = (
            (step, most, "above", "uniform") if uniform else ("entropy", least, "below", "one arm")
        )
        of = "of its distributions" if name == "policy_entropy" else "of the arms that it plays"
        said = f"the entropy {of} is {_bounded(row, name)} of at most 1; {side} {bound:g} it plays nearly {what}"
        flagged = row[name] > bound if uniform else row[name] < bound
        yield _row(row, row[name], bound, flagged, said) | ({} if row["iteration"] else {"method": "base"})


def overfit(changes: pd.DataFrame, losses: pd.DataFrame, rise: float) -> Iterator[dict]:
    """One row for each trained policy: the low end of the change of its regret against the policy before. Flagged where
    that is above ``rise`` and the training loss fell from its first epoch to its last."""
    trained = losses[(losses["split"] == "train") & losses["stage"].str.startswith("sft")].sort_values("x")
    ends = {key: (loss.iloc[0], loss.iloc[-1]) for key, loss in trained.groupby(CELL)["loss"]}
    told = set(trained["model"])
    for row in changes[changes["back"] == 1].to_dict("records"):
        if (key := tuple(row[key] for key in CELL)) not in ends:
            if row["model"] not in told:
                continue  # a provider that gives no losses
            path = path_of(losses, "learning_curves")
            raise ValueError(f"{path}: has no training loss of {'/'.join(map(str, key))}; make it again")
        first, last = ends[key]
        fell = "fell" if last < first else "did not fall"
        said = (
            f"held-out regret changed by {_bounded(row, 'change')} against the policy before, while the training loss "
            f"{fell} ({first:.3g} to {last:.3g}); an interval above {rise:g} with a loss that fell is overfitting"
        )
        flagged = last < first and row["change_low"] > rise
        yield _row(row, row["change_low"], rise, flagged, said)


def flat(changes: pd.DataFrame, fall: float, after: int) -> Iterator[dict]:
    """One row for each policy of iteration ``after`` and later: the high end of the change of its regret against the base
    policy. Flagged where that is not below -``fall``."""
    late = changes[(changes["back"] == changes["iteration"]) & (changes["iteration"] >= after)]
    for row in late.to_dict("records"):
        said = (
            f"after {row['iteration']} iterations held-out regret changed by {_bounded(row, 'change')} against the base "
            f"policy; an interval that is not below {0 - fall:g} is no fall"
        )
        yield _row(row, row["change_high"], 0 - fall, row["change_high"] >= -fall, said)


def lucky(selection: pd.DataFrame, share: float) -> Iterator[dict]:
    """One row for each selection."""
    for row in selection.to_dict("records"):
        said = (
            f"{_bounded(row, 'lucky_selected', '.0%')} of the selected are lucky picks, {row['lucky_all']:.0%} of all; "
            f"above {share:.0%} luck is what is taught"
        )
        yield _row(row, row["lucky_selected"], share, row["lucky_selected"] > share, said)


def _row(cell: dict, value: float, bound: float, flagged: bool, said: str) -> dict:
    return {key: cell[key] for key in CELL} | {"value": value, "bound": bound, "flagged": bool(flagged), "said": said}


def _bounded(row: dict, name: str, form: str = ".3g") -> str:
    """A value with its 95% interval."""
    return f"{row[name]:{form}} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"


def changes_of(episodes: pd.DataFrame) -> pd.DataFrame:
    """The paired change of the regret of every trained policy, on scenarios that are the same: against the policy ``back``
    = 1 iterations before, and against the base policy (its iteration), with 95% intervals. Raises ValueError where the
    scenarios are not the same."""
    rows = []
    for key, part in episodes.groupby(RUN, sort=False):
        table = part.pivot(index="scenario_id", columns="iteration", values="regret")
        if table.isna().any(axis=None):
            path = path_of(episodes, "evaluation")
            raise ValueError(f"{path}: {'/'.join(key)}: not all iterations have the same scenarios; make it again")
        regret = table.to_numpy(float)
        pairs = [(t, back) for t in range(1, regret.shape[1]) for back in sorted({1, t})]
        differences = np.stack([regret[:, t] - regret[:, t - back] for t, back in pairs], axis=1)
        found = intervals([differences], rng=generator("signatures", *key))
        for (t, back), values in zip(pairs, found, strict=True):
            where = {**dict(zip(RUN, key, strict=True)), "iteration": t, "back": back}
            rows.append(where | dict(zip(bounded("change"), values, strict=True)))
    return pd.DataFrame(rows)


def _read(folder: Path, name: str) -> pd.DataFrame:
    """A table with the columns that are looked at here. Raises ValueError for one that lacks a column."""
    table = read_table(folder, name)
    if absent := [column for column in (*CELL, *LOOKED_AT[name]) if column not in table]:
        raise files.broken(folder / f"{name}.csv", f"lacks the column {absent[0]}")
    return table


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of single cells, as they stand: no baseline, no other suite, no pooled seeds."""
    kept = table["iteration"].notna() & (table["seed"] != "all")
    return table[kept & (table["suite"] == "in-distribution") if "suite" in table else kept]


def signatures(tables: Path, bounds: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Every signature of every cell in which it can be looked for, from the tables of a folder."""
    path = tables / "experiment.json"
    try:
        runs = [Run(**run) for run in files.read_json(path, "runs")["runs"]]
        firsts = {(run.model, run.task, run.method, str(run.seed)): run.first for run in runs}
    except TypeError as error:
        raise files.broken(path, f"runs: {error}") from None
    selection, summary = (_cells(_read(tables, name)) for name in ("selection", "summary"))
    changes, losses = changes_of(_cells(_read(tables, "evaluation"))), _read(tables, "learning_curves")
    found = {
        "alike": alike(selection, firsts, **bounds["alike"]),
        "degenerate": degenerate(summary, **bounds["degenerate"]),
        "overfit": overfit(changes, losses, **bounds["overfit"]),
        "flat": flat(changes, **bounds["flat"]),
        "lucky": lucky(selection, **bounds["lucky"]),
    }
    rows = [{**row, "signature": name} for name, of_cells in found.items() for row in of_cells]
    return pd.DataFrame(rows, columns=COLUMNS["signatures"]).drop_duplicates([*CELL, "signature"])


def work(args: argparse.Namespace) -> None:
    """Look, warn, and write the table."""
    table = signatures(args.tables, bounds_of(args.bounds))
    for row in table[table["flagged"]].to_dict("records"):
        print(f"warning: {warning(row)}")
    write_table(args.output, table)


def warning(row: dict) -> str:
    """A flagged row as a line."""
    place = [row["model"], row["task"], row["method"], f"seed{row['seed']}", f"iter{row['iteration']}"]
    return f"{row['signature']}: {'/'.join(place)}: {row['said']}"


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="signatures", description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    parser.add_argument("--bounds", required=True, help="JSON: the config's signatures, the bounds of each")
    parser.add_argument("--output", type=Path, required=True, help="signatures.csv")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
