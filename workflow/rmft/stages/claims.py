"""claims: a verdict for every claim on every model and task, from the tables alone. Claims are stated beforehand, in
workflow/claims.yaml; what was not run is said with the command that would run it."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from rmft.core.claims import NOT_RUN, Found, decide, holm, joint_p, weakest
from rmft.stages import files, program
from rmft.stages.claim_cells import Cell, Experiment, cells, check, command, experiment_from_json
from rmft.stages.claim_page import page
from rmft.stages.claim_tests import Tables, evidence
from rmft.stages.refusals import of_schema
from rmft.stages.table_files import read_table
from rmft.stages.yaml_files import read_yaml

SCHEMA = Path(__file__).parents[2] / "schemas/claims.schema.yaml"
DECIDING = ("effect", "low", "high", "direction", "threshold", "episodes", "seeds", "test")


def read_claims(path: Path) -> dict[str, dict]:
    """The claims. Raises ValueError, naming file, key and mend, where they are none."""
    claims = read_yaml(path)
    if wrong := next(of_schema(claims, read_yaml(SCHEMA)), None):
        raise ValueError(f"{path}: {wrong}")
    return claims


def unrun(where: dict, claim: dict, cell: Cell, experiment: Experiment) -> dict:
    """The verdict on what was not run."""
    nothing = dict.fromkeys(("effect", "low", "high", "p", "p_corrected", "direction", "threshold"))
    said = {"why": "the tables hold no such cell", "command": command(claim, cell, experiment)}
    return {**where, "verdict": NOT_RUN, **nothing, "n": 0, "test": "", "statistic": "", **said, "parts": []}


def judged(where: dict, parts: list[Found], corrected: float) -> dict:
    """The verdict on what was run. The effect is that of the part on which it is decided; n is its episodes x seeds."""
    verdict, why = decide(parts, corrected)
    part = weakest(parts)
    numbers = {key: getattr(part, key) for key in DECIDING}
    numbers |= {"n": part.episodes * part.seeds, "p": joint_p(parts), "p_corrected": corrected, "statistic": part.name}
    shown = [{"statistic": p.name, "p": p.p, **{key: getattr(p, key) for key in DECIDING}} for p in parts]
    return {**where, "verdict": verdict, **numbers, "why": why, "command": "", "parts": shown}


def verdicts(claims: dict[str, dict], tables: Tables, experiment: Experiment) -> list[dict]:
    """One for each claim, model and task; p is corrected by Holm for the number of those that were run."""
    check(claims, experiment)
    asked = [(key, claim, cell) for key, claim in claims.items() for cell in cells(claim, experiment)]
    found = [evidence(key, claim, cell, tables) for key, claim, cell in asked]
    corrected = iter(holm([joint_p(parts) for parts in found if parts is not None]))
    rows = []
    for (key, claim, cell), parts in zip(asked, found, strict=True):
        about = {"id": key, "claim": claim["claim"], "source": claim["source"], "weak": claim.get("weak", False)}
        where = {**about, "model": cell.model, "task": cell.task}
        run = parts is not None
        rows.append(judged(where, parts, next(corrected)) if run else unrun(where, claim, cell, experiment))
    return rows


def quick(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its names as categories: a large one is searched many times."""
    names = [key for key in ("model", "task", "kind", "method", "suite", "seed") if key in table]
    return table.astype(dict.fromkeys(names, "category"))


def plain(value: object) -> object:
    """JSON has no infinity: a ratio to nothing is null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if abs(value) < float("inf") else None
    return value


def work(args: argparse.Namespace) -> None:
    """Decide every claim, then write the file for programs and the page for people."""
    if odd := [path for path in args.output if path.suffix not in (".json", ".md")]:
        raise ValueError(f"--output: must end in .json or .md, not {odd[0]}")
    tables = {path.stem: quick(read_table(path.parent, path.stem)) for path in args.tables}
    rows = verdicts(read_claims(args.claims), tables, experiment_from_json(args.experiment))
    written = {".json": json.dumps(plain(rows), indent=1, allow_nan=False) + "\n", ".md": page(rows)}
    for path in args.output:
        files.write_text(path, written[path.suffix])


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="claims", description=__doc__)
    parser.add_argument("--claims", type=Path, required=True, help="claims.yaml")
    parser.add_argument(
        "--tables", type=Path, nargs="+", required=True, help="CSV tables; a claim on another is not run"
    )
    parser.add_argument("--experiment", required=True, help="JSON: all models and tasks, and what is selected")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="claims.json, claims.md")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
