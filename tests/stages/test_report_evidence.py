"""Claims, signs of failure, reasonings and cells on the report's page."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from rmft.stages import report, report_evidence, report_probes
from rmft.stages.table_files import read_table

CAPTIONS = Path(report.__file__).parents[2] / "report"


@pytest.fixture(scope="module")
def page(reported: Path) -> str:
    return (reported / "report.html").read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    """One section of the page."""
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


def written(reported: Path, out: Path, claims: Path) -> int:
    """Write the page again with other verdicts."""
    folders = [
        "--tables",
        str(reported / "tables"),
        "--figures",
        str(reported / "figures"),
        "--captions",
        str(CAPTIONS),
    ]
    return report.main([*folders, "--claims", str(claims), "--output", str(out)])


def refused(reported: Path, folder: Path, claims: str, capsys: pytest.CaptureFixture) -> str:
    """The one line that verdicts are refused with."""
    (folder / "claims.json").write_text(claims)
    assert written(reported, folder / "page.html", folder / "claims.json") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_verdicts_stand_with_their_numbers(page: str) -> None:
    claims = section(page, "claims")
    assert "1 reproduced, 1 not reproduced, 1 not run." in claims
    assert '<tr class="reproduced"><td>C2</td><td>tiny <small>mab-gaussian</small></td>' in claims
    assert "<td>−0.5 <small>[−0.9, −0.1]</small></td>" in claims and "corrected 0.0200" in claims
    assert '<tr class="not-reproduced"><td>C9</td>' in claims


def test_what_was_not_run_names_its_command(page: str) -> None:
    unrun = section(page, "claims").split("Not run here")[1]
    assert "<td>C1</td><td>phi</td>" in unrun and "<code>snakemake --profile slurm</code>" in unrun
    assert "C2" not in unrun


def test_without_verdicts_the_page_says_so(reported: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert written(reported, out, tmp_path / "none.json") == 0
    assert "No claims were judged in this run." in out.read_text()


@pytest.mark.parametrize("claims", ["{", "[1]", '[{"id": "C1"}]', '[{"id": "C1", "verdict": "likely"}]'])
def test_broken_verdicts_are_one_line(
    claims: str, reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    error = refused(reported, tmp_path, claims, capsys)
    assert "claims.json" in error and "judge the claims again" in error


def test_an_unknown_verdict_is_refused(reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    found = json.loads((reported / "claims.json").read_text())
    error = refused(reported, tmp_path, json.dumps([found[0] | {"verdict": "likely"}]), capsys)
    assert "likely: is missing, no verdict or no number" in error


@pytest.mark.parametrize(("name", "column"), [("signatures", "flagged"), ("probes", "reply")])
def test_a_table_without_its_column_is_refused(name: str, column: str, reported: Path, tmp_path: Path) -> None:
    table = pd.read_csv(reported / f"tables/{name}.csv").drop(columns=column)
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(ValueError, match=rf"{name}\.csv: lacks the column {column}"):
        report_evidence.optional(tmp_path, name)
    assert report_evidence.optional(tmp_path / "none", name) is None


@pytest.mark.parametrize("name", [[1, 2], None, "no-such", "../../../README"])
def test_a_manifest_of_no_figure_is_refused_by_its_own_name(name: object, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps([{"figure": name, "tables": []}]))
    with pytest.raises(ValueError, match=r"manifest\.json: is no manifest .* is no figure.*delete it") as error:
        report_evidence.figures(tmp_path, CAPTIONS)
    assert "\n" not in str(error.value)


def test_signs_of_failure_are_counted_and_named(page: str, reported: Path) -> None:
    table = read_table(reported / "tables", "signatures")
    signs = section(page, "signatures")
    assert f"<td>lucky</td><td>{len(table)}</td><td>{table['flagged'].sum()}</td>" in signs
    assert "seed 0, iteration 0, 1; seed 1, iteration 0, 1" in signs
    assert "rmft-information" not in signs.split("Flagged")[1]


def test_reasonings_stand_side_by_side_as_text(page: str) -> None:
    probes = section(page, "probes")
    assert "Averages so far: A: 0.50, B: 0.63." in probes
    assert "&lt;b&gt;Answer&lt;/b&gt;" in probes and "<b>Answer</b>" not in probes
    shown = probes.split("trap: an arm of low mean that was lucky.")[1].split("trap:")[0]
    policies = re.findall(r'<div class="reply"><b>(.*?)</b>', shown)
    assert policies[:3] == ["what was asked", "base policy", "rmft, iteration 1"]
    assert policies.count("base policy") == 1


def test_rates_count_the_base_policy_once() -> None:
    where = {"model": "m", "task": "t", "seed": "0", "history": "h", "kind": "plain", "reply": "A"}
    rows = [{**where, "method": method, "iteration": t, "right": t > 0} for method in ("one", "two") for t in (0, 1)]
    rates = report_probes.rate_rows(pd.DataFrame(rows + rows))  # the same reply twice
    assert [(row[1][0], row[2][0]) for row in rates] == [
        ("base, iteration 0", "0 of 2"),
        ("one, iteration 1", "2 of 2"),
        ("two, iteration 1", "2 of 2"),
    ]


def test_every_cell_is_listed_with_its_time(page: str, reported: Path) -> None:
    cells, summary = (read_table(reported / "tables", name) for name in ("cells", "summary"))
    own = cells[cells["iteration"] > 0]
    bases = cells[cells["iteration"] == 0][["model", "task", "seed"]].drop_duplicates()
    assert section(page, "cells").count("<tr>") == 1 + len(own) + len(bases)
    jobs = {"tiny/mab-gaussian/rmft/seed0/iter1": 12.25}
    rows = report_evidence.cell_rows(cells, summary[summary["suite"] == "in-distribution"], jobs)
    assert [row[-1][0] for row in rows].count("12.2 s") == 1


def test_a_figure_says_what_it_is_evidence_of(page: str) -> None:
    reasoning = page.split('<figure id="reasoning">')[1].split("</figure>")[0]
    assert "The topic of the paper's Figure 6. Claims C6. Cells: words." in reasoning
    contrasts = page.split('<figure id="contrasts">')[1].split("</figure>")[0]
    assert "evidence of nothing" in contrasts and "Claims C8" not in contrasts
