"""Made-up tables and claims of what other stages judge, from a made-up summary.csv: in their real columns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from rmft.models import seals
from rmft.stages.table_columns import COLUMNS, ROW

HISTORIES = {"plain-0": "plain", "lucky-0": "lucky-bad-arm", "fluctuating-0": "fluctuating"}
CLAIM = {"id": "C2", "claim": "MAB: regret falls", "model": "tiny", "task": "mab-gaussian", "effect": -0.5, "low": -0.9}
CLAIM |= {
    "high": -0.1,
    "n": 512,
    "test": "paired sign-flip",
    "p": 0.002,
    "p_corrected": 0.02,
    "command": "make reproduce",
}
UNRUN = dict.fromkeys(("effect", "low", "high", "n", "p", "p_corrected"))


def bounded(name: str, values: np.ndarray, half: float) -> dict[str, np.ndarray]:
    """A column with its interval."""
    return {name: values, f"{name}_low": values - half, f"{name}_high": values + half}


def write(folder: Path) -> None:
    """growth, comparisons, reasoning, tracking, signatures and probes beside the summary, and claims.json above it."""
    summary = pd.read_csv(folder / "summary.csv", dtype={"seed": str, "iteration": "Int64"})
    own = summary[summary["kind"] == "policy"]
    tables = {
        "growth": growth(summary),
        "comparisons": comparisons(own),
        "reasoning": reasoning(own),
        "tracking": tracking(summary),
        "signatures": signatures(own),
        "probes": probes(own),
    }
    for name, table in tables.items():
        (folder / f"{name}.csv").unlink(missing_ok=True)  # with its seal
        whole(name, table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / seals.SUMS).unlink(missing_ok=True)  # it tells of others
    unrun = CLAIM | UNRUN | {"id": "C1", "model": "phi", "verdict": "not run", "command": "snakemake --profile slurm"}
    judged = [CLAIM | {"verdict": "reproduced"}, CLAIM | {"id": "C9", "verdict": "not reproduced"}, unrun]
    (folder.parent / "claims.json").write_text(json.dumps(judged))


def whole(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with all of its columns, 0 in those that are made up of nothing."""
    return table.reindex(columns=COLUMNS.get(name, table.columns), fill_value=0)


def growth(summary: pd.DataFrame) -> pd.DataFrame:
    """Exponents that fall by 0.1 an iteration."""
    t = summary["iteration"].astype(float)
    columns = bounded("beta", (0.9 - 0.1 * t.fillna(2)).to_numpy(), 0.05) | {"p_reg": np.where(t > 0, 0.5, 0.001)}
    columns |= {"p_trend": 0.01, **bounded("change", (-0.1 * t).to_numpy(), 0.07), "p_change": 0.03}
    return summary[[*ROW, "episodes"]].assign(**columns)


def comparisons(own: pd.DataFrame) -> pd.DataFrame:
    """Every method against rmft, of some pairs the other way round, and its last iteration against the base policy."""
    rows = []
    pooled = own[(own["seed"] == "all") & (own["suite"] == "in-distribution") & (own["iteration"] == 1)]
    for (model, task), part in pooled.groupby(["model", "task"], sort=False):
        where = {"model": model, "task": task, "suite": "in-distribution", "kind": "policy", "iteration": 1}
        where |= {"against_iteration": 1}
        for i, method in enumerate(part["method"]):
            for metric in ("regret", "suff_fail", "min_frac"):
                values = {"metric": metric, "difference": 0.1 * i, "low": 0.1 * i - 0.2, "high": 0.1 * i + 0.1}
                values |= {"p": 0.5, "episodes": 24, "seeds": 2}
                rows.append({**where, "method": method, "against": "base", **values, "against_iteration": 0})
                if method != "rmft":
                    pair = {"method": method, "against": "rmft"} if i % 2 else {"method": "rmft", "against": method}
                    rows.append({**where, **pair, **values})
    return pd.DataFrame(rows)


def reasoning(own: pd.DataFrame) -> pd.DataFrame:
    """Reasonings that agree more and more with the numbers, and state none on one task."""
    t = own["iteration"].astype(float).to_numpy()
    columns = {"steps": 480, "stated": 0.6 + 0.05 * t, **bounded("aligned", 0.7 + 0.08 * t, 0.03)}
    error = np.where(own["task"] == "ns-sine", np.nan, 0.2 / (1 + t))
    columns |= bounded("numeric_error", error, 0.01) | {"explores": 0.2, "exploits": 0.5, "knows": 0.5 + 0.05 * t}
    columns |= bounded("acts", 0.8 + 0.05 * t, 0.04) | bounded("change_aligned", 0.08 * t, 0.05)
    columns |= bounded("aligned_all", 0.5 + 0.08 * t, 0.03)
    return own[[*ROW, "episodes"]].assign(**columns, p_change_aligned=0.01)


def tracking(summary: pd.DataFrame) -> pd.DataFrame:
    """Shares of the best arm on the task whose means move, by step and around a change."""
    rows = summary[(summary["task"] == "ns-sine") & (summary["suite"] == "in-distribution")]
    clocks = [("step", step) for step in range(1, 21)] + [("since", step) for step in range(-4, 8)]
    table = rows[[*ROW, "episodes"]].merge(pd.DataFrame(clocks, columns=["clock", "step"]), how="cross")
    share = 0.4 + 0.01 * table["step"] + 0.1 * table["iteration"].astype(float).fillna(0)
    return table.assign(**bounded("best", share.to_numpy(), 0.05), **bounded("former", 0.8 - share.to_numpy(), 0.05))


def signatures(own: pd.DataFrame) -> pd.DataFrame:
    """Lucky picks flagged where the method is rmft."""
    rows = own[(own["seed"] != "all") & (own["suite"] == "in-distribution")]
    table = rows[["model", "task", "method", "seed", "iteration"]]
    said = {"signature": "lucky", "value": 0.65, "bound": 0.5, "flagged": table["method"] == "rmft"}
    return table.assign(**said, said="65% of the selected were lucky, more than 50%.")


def probes(own: pd.DataFrame) -> pd.DataFrame:
    """Each policy's reply to three histories; a long one, and one with markup in it."""
    rows = own[(own["seed"] != "all") & (own["suite"] == "in-distribution")]
    table = rows[["model", "task", "method", "seed", "iteration"]].drop_duplicates()
    asked = pd.DataFrame([{"history": name, "kind": kind} for name, kind in HISTORIES.items()])
    table = table.merge(asked, how="cross").assign(
        prompt="Round 5 of 20.\nWhich button?", averages='{"A": 0.5, "B": 0.63}'
    )
    replies = [f"B has the best average, 0.63. <b>Answer</b>: B {i}" for i in range(len(table))]
    return table.assign(reply=replies, best_named="B", right=[["True", "False", ""][i % 3] for i in range(len(table))])
