"""report: one self-contained page of findings, claims, figures, tables, reasonings and where they come from."""

import argparse
import json
import sys
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from rmft.figures import style
from rmft.stages import files, program
from rmft.stages.findings import findings
from rmft.stages.provenance import cell_seconds, durations, of_runs, ours, provenance
from rmft.stages.report_evidence import (
    VERDICTS,
    cell_rows,
    claim_rows,
    claims,
    figures,
    optional,
    said,
    signature_rows,
    stated,
    unrun_rows,
)
from rmft.stages.report_probes import KINDS, probes, rate_rows
from rmft.stages.report_tables import HEADS, groups, seed_rows, suite_rows
from rmft.stages.table_files import read_table

TITLE = "Iterative Regret-Minimization Fine-Tuning"


def pairs(summary: pd.DataFrame, selection: pd.DataFrame) -> list[dict]:
    """What there is to say of each model and task."""
    first = style.primary(summary)
    return [
        {
            "id": f"{pair[0]}-{pair[1]}",
            "title": f"{pair[1]}, model {pair[0]}",
            "findings": findings(summary, selection, pair),
            "measure": style.measure(style.of_pair(first, pair)),
            "suites": suite_rows(summary, pair),
            "groups": groups(first, pair),
            "seeds": seed_rows(first, selection, pair),
        }
        for pair in style.pairs(style.policies(first))
    ]


def judged(path: Path) -> dict:
    """The claims, if any were judged."""
    found = claims(path)
    if found is None:
        return {"claims": None}
    counts = {verdict: sum(claim["verdict"] == verdict for claim in found) for verdict in VERDICTS}
    return {"claims": {"counts": counts, "said": said(found), "rows": claim_rows(found), "unrun": unrun_rows(found)}}


def asides(tables: Path) -> dict:
    """Signs of failure and reasonings on the same histories, if there are any."""
    signs, told = optional(tables, "signatures"), optional(tables, "probes")
    return {
        "signatures": None if signs is None else signature_rows(signs),
        "probes": None if told is None else {"pages": probes(told), "rates": rate_rows(told), "replies": len(told)},
        "probe_heads": ["", "policy", *KINDS.values()],
    }


def page(tables: Path, images: Path, captions: Path, benchmarks: Path, judgements: Path, config: dict) -> str:
    """The page as HTML. Raises ValueError, naming the file, for a missing table, figure or caption."""
    experiment = stated(tables / "experiment.json")
    summary, selection = read_table(tables, "summary"), read_table(tables, "selection")
    first, told = style.primary(summary), pairs(summary, selection)
    loader = jinja2.FileSystemLoader(captions)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        run=f"{len(told)} model-task pair{'s' * (len(told) != 1)}, {style.counts(first)}, "
        f"{'/'.join(map(str, of_runs(experiment, 'iterations')))} iterations",
        pairs=told,
        heads=HEADS,
        figures=figures(images, captions),
        cells=cell_rows(read_table(tables, "cells"), first, cell_seconds(benchmarks)),
        ours=ours(experiment, selection, config),
        provenance=provenance(experiment, summary, config),
        durations=durations(benchmarks),
        config=yaml.safe_dump(config or experiment, sort_keys=False, default_flow_style=None, width=110),
        **judged(judgements),
        **asides(tables),
    )


def work(args: argparse.Namespace) -> None:
    """Write the page."""
    benchmarks = args.benchmarks or args.tables.parent / "benchmarks"
    judgements = args.claims or args.tables.parent / "claims.json"
    text = page(args.tables, args.figures, args.captions, benchmarks, judgements, json.loads(args.config))
    files.write_text(args.output, text)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    parser.add_argument("--figures", type=Path, required=True, help="the folder of the PNG files and their manifest")
    parser.add_argument("--captions", type=Path, required=True, help="the folder of captions and the page's template")
    parser.add_argument("--benchmarks", type=Path, help="the jobs' benchmarks (default: benchmarks/ beside tables)")
    parser.add_argument("--claims", type=Path, help="the verdicts (default: claims.json beside tables, if it is there)")
    parser.add_argument("--config", default="{}", help="the whole config as JSON, to print and to digest")
    parser.add_argument("--output", type=Path, required=True, help="the HTML file to write")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
