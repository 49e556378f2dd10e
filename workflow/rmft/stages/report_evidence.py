"""The report's evidence: figures with their captions, claims with their verdicts, signs of failure, cells."""

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from rmft.figures import FIGURES, style
from rmft.models import seals
from rmft.stages import claim_page, files
from rmft.stages.findings import Cell, number
from rmft.stages.table_columns import CELL
from rmft.stages.table_files import read_table

VERDICTS = ("reproduced", "not reproduced", "not run")
CLAIM = {"id", "claim", "model", "task", "verdict", "effect", "low", "high", "n", "test"}


def read(path: Path, mend: str) -> bytes:
    """A file's bytes. Raises ValueError, naming the file and the mend, where it is missing."""
    seals.check(path)
    try:
        return path.read_bytes()
    except OSError:
        raise ValueError(f"{path}: is missing; make it with: {mend}") from None


def picture(path: Path) -> dict[str, object]:
    """A PNG for the page, with its size in pixels. Raises ValueError, naming the file and the mend, where it is none."""
    image = read(path, f"snakemake {path}")
    if not image.startswith(b"\x89PNG\r\n\x1a\n") or not image.endswith(b"IEND\xaeB`\x82"):
        raise ValueError(f"{path}: is no whole PNG; delete it and make it with: snakemake {path}")
    width, height = struct.unpack(">II", image[16:24])
    return {"png": base64.b64encode(image).decode(), "width": width, "height": height}


def figures(folder: Path, captions: Path) -> list[dict]:
    """Every figure of the manifest with its caption. Raises ValueError, naming the file, for one that is missing."""
    path, found = folder / "manifest.json", []
    try:
        listed = json.loads(read(path, f"snakemake {path}"))
        names = [(entry["figure"], ", ".join(f"tables/{t}.csv" for t in entry["tables"])) for entry in listed]
        if odd := [name for name, _ in names if name not in FIGURES]:
            raise ValueError(f"{odd[0]!r} is no figure")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: is no manifest ({error!r}); delete it and make it with: snakemake {path}") from None
    for entry, (name, tables) in zip(listed, names, strict=True):
        title, _, body = read(captions / f"{name}.rst", "git checkout").decode().strip().partition("\n\n")
        image = picture(folder / f"{name}.png")
        found.append({**entry, "name": name, "caption": (title.rstrip("."), body), "tables": tables, **image})
    return found


def claims(path: Path) -> list[dict] | None:
    """The verdicts of claims.json; None where no claim was judged. Raises ValueError, naming file and key, where it is not
    what the contract says."""
    if not path.exists():
        return None
    seals.check(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        wrong = [key for entry in found for key in sorted(CLAIM - set(entry))]
        wrong += [str(entry.get("verdict")) for entry in found if entry.get("verdict") not in VERDICTS]
        numbers = [entry.get(key) for entry in found for key in ("effect", "low", "high", "n")]
        wrong += [repr(value) for value in numbers if value is not None and type(value) not in (int, float)]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it and judge the claims again") from None
    if wrong:
        raise ValueError(
            f"{path}: {wrong[0]}: is missing, no verdict or no number; delete it and judge the claims again"
        )
    return found


def claim_rows(found: list[dict]) -> list[dict]:
    """What ran: each verdict with what it was decided on, for the table; ``kind`` is the verdict, for its colour."""
    return [{"kind": claim["verdict"], "cells": _judged(claim)} for claim in found if claim["verdict"] != "not run"]


def unrun_rows(found: list[dict]) -> list[list[Cell]]:
    """What did not run, and the command that would run it."""
    return [
        [(claim["id"], ""), (claim["model"], ""), (claim["task"], ""), (claim.get("command") or "–", "")]
        for claim in found
        if claim["verdict"] == "not run"
    ]


def said(found: list[dict]) -> list[tuple[str, str]]:
    """What every claim says, once each."""
    return list({claim["id"]: claim["claim"] for claim in found}.items())


def _judged(claim: dict) -> list[Cell]:
    sign = {"below": "< ", "above": "> "}.get(claim.get("direction"), "")
    bound = f"claimed {sign}{claim_page.number(claim['threshold'])}" if claim.get("threshold") is not None else ""
    effect, low, high = (_said(claim_page.number, claim[key]) for key in ("effect", "low", "high"))
    return [
        (claim["id"], ""),
        (claim["model"], claim["task"]),
        (claim["verdict"], claim.get("why") or ""),
        (effect, f"[{low}, {high}]"),
        (claim.get("statistic") or claim["test"], " ".join(filter(None, [bound, claim["test"]]))),
        ("–" if claim["n"] is None else f"{claim['n']:,}", ""),
        (_said(claim_page.chance, claim.get("p")), f"corrected {_said(claim_page.chance, claim.get('p_corrected'))}"),
    ]


def _said(how: Callable[[float], str], value: float | None) -> str:
    """A number as the page of claims has it."""
    return "–" if value is None else how(value)


def signature_rows(table: pd.DataFrame) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """(how often each signature was looked for and flagged; the flagged ones, a line for each method and signature with the
    cells it was seen in and what was said of the last)."""
    flagged = table[table["flagged"].astype(str) == "True"]
    counts = [
        [(name, ""), (f"{len(rows):,}", ""), (f"{(flagged['signature'] == name).sum():,}", "")]
        for name, rows in table.groupby("signature", sort=False)
    ]
    lines = []
    for (name, model, task, method), rows in flagged.groupby(["signature", "model", "task", "method"], sort=False):
        seeds = rows.groupby("seed", sort=False)["iteration"]
        cells = "; ".join(f"seed {seed}, iteration {', '.join(map(str, of.unique()))}" for seed, of in seeds)
        lines.append([(name, ""), (f"{task}, {model}", ""), (method, cells), (rows["said"].iloc[-1], "")])
    return counts, lines


def cell_rows(cells: pd.DataFrame, summary: pd.DataFrame, jobs: dict[str, float]) -> list[list[Cell]]:
    """Every cell: its regret and size, and the seconds of the jobs that made it (``jobs``: by model/task/method/seed/iter);
    the base policy, which all methods share, once."""
    alone = style.policies(summary)[[*CELL, "regret", "regret_low", "regret_high"]]
    table = cells.merge(alone, on=CELL, how="left")
    table["method"] = table["method"].where(table["iteration"] > 0, "base")
    rows = []
    for _, row in table.drop_duplicates(CELL).iterrows():
        where = f"{row['model']}/{row['task']}/{row['method']}/seed{row['seed']}/iter{row['iteration']}"
        regret = (number(row["regret"]), f"[{number(row['regret_low'])}, {number(row['regret_high'])}]")
        kept = (
            ("–", "") if pd.isna(row["selected"]) else (f"{int(row['selected']):,} of {int(row['trajectories']):,}", "")
        )
        sizes = [(f"{int(row[c]):,}", "") for c in ("episodes", "tokens_sampled")]
        name = [(f"{row['task']}, {row['model']}", ""), *((str(row[k]), "") for k in CELL[2:])]
        rows.append([*name, regret, *sizes, kept, (f"{jobs[where]:,.1f} s" if where in jobs else "–", "")])
    return rows


def optional(folder: Path, name: str) -> pd.DataFrame | None:
    """A table that a run may do without; None where it is not there or holds no row."""
    table = read_table(folder, name) if (folder / f"{name}.csv").exists() else None
    return None if table is None or table.empty else table


def stated(path: Path) -> dict:
    """The experiment that tables tell of. Raises ValueError, naming the file, where it is missing or broken."""
    read(path, f"snakemake {path}")
    return files.read_json(path, "tasks", "runs")
