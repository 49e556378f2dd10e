import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from rmft.figures import FIGURES
from rmft.stages import findings, report, summary
from rmft.stages.table_files import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic

CAPTIONS = Path(report.__file__).parents[2] / "report"


@pytest.fixture(scope="module")
def results(reported: Path) -> Path:
    """The made-up results with their report."""
    return reported


def write(results: Path, figures: Path, out: Path) -> int:
    folders = ["--tables", str(results / "tables"), "--figures", str(figures), "--captions", str(CAPTIONS)]
    return report.main([*folders, "--config", "{}", "--output", str(out)])


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    return (results / "report.html").read_text(encoding="utf-8")


def test_every_figure_is_inside_with_its_caption(page: str) -> None:
    for name in FIGURES:
        assert f'<figure id="{name}">' in page
        assert (CAPTIONS / f"{name}.rst").read_text().splitlines()[0].rstrip(".").replace("'", "&#39;") in page
    assert page.count("data:image/png;base64,iVBOR") == len(FIGURES)


def test_nothing_is_fetched_and_no_click_is_needed(page: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert not re.search(r"<(?:script|link|iframe|details|button)|@import|url\(|https?://", page)


def test_every_tag_is_closed(page: str) -> None:
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list) -> None:
            if tag not in ("meta", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(page)
    assert not open_tags


def test_numbers_come_from_the_tables(page: str, results: Path) -> None:
    rows = read_table(results / "tables", "summary")
    rows = rows[(rows["task"] == "mab-gaussian") & (rows["suite"] == "in-distribution")]
    last = rows[(rows["method"] == "rmft") & (rows["seed"] == "all") & (rows["iteration"] == 1)].iloc[0]
    assert f"<td>{last['regret']:.2f} <small>[{last['regret_low']:.2f}, {last['regret_high']:.2f}]" in page
    for label in rows["label"].unique():
        assert label in page


def test_provenance(page: str) -> None:
    words = "commit, sha256, seeds, Python 3, numpy, cores, 12 held-out episodes, rollout, 12.5 s"
    for word in words.split(", "):
        assert word in page
    assert "Ours, not the paper" in page and "scenarios 64" in page


def test_every_task_has_its_part(page: str) -> None:
    for task in synthetic.TASKS:
        assert f"<h2>Main table: {task}, model tiny</h2>" in page
    table = page.split("<h2>Main table: fol-gaussian")[1].split("<h2>")[0]
    assert table.count('<tr class="group">') == 4  # before fine-tuning, two methods, baselines
    assert "Hedge (eta=0.66)" in table and "UCB" not in table
    assert "3 model-task pairs" in page and not re.search(r"\bnan\b", re.sub(r"<img[^>]*>", "", page))


def part(page: str, task: str) -> str:
    """The main table of a task and what follows it."""
    return page.split(f"<h2>Main table: {task},")[1].split("<h2>")[0]


def test_each_task_names_its_regret_and_its_suites(page: str) -> None:
    for task, kind in (
        ("mab-gaussian", "pseudo-regret"),
        ("fol-gaussian", "external regret, realised"),
        ("ns-sine", "dynamic regret"),
    ):
        assert f"Regret here is the {kind}." in part(page, task)
        assert ("Under suites" in part(page, task)) == (task == "mab-gaussian")
    suites = part(page, "mab-gaussian").split("Under suites")[1]
    assert suites.count("<tr>") == 1 + 2 * len(synthetic.METHODS)
    assert "<td>sine (T=20) <small>dynamic regret, V_T 2.00</small>" in suites


def test_drift_and_answers_are_reported(page: str) -> None:
    told = page.split("<h2>What came out")[1].split("Main table")[0]
    assert told.count("V_T, the sum of their largest moves from step to step, is 2.00") == 1
    assert told.count("were renormalised to sum to 1") == len(synthetic.TASKS)
    assert "<th>answers failed</th><th>answers renormalised</th>" in page


def test_an_oracle_is_no_baseline_to_be_measured_by(page: str) -> None:
    assert "best fixed arm" in part(page, "fol-gaussian") and "the best baseline, best fixed arm" not in page
    assert "the best baseline, Hedge (eta=0.66)" in page


def test_only_a_clear_change_is_called_an_improvement() -> None:
    said = {
        (-2.0, -0.5): "improved",
        (0.5, 2.0): "did not improve, it became worse",
        (-1.0, 0.5): "did not improve clearly",
    }
    for (low, high), words in said.items():
        row = pd.Series({"change": (low + high) / 2, "change_low": low, "change_high": high})
        assert findings.verdict(row).startswith(f"{words} (change ")


def test_our_choices_name_all_tasks_seeds_and_iterations(page: str) -> None:
    chosen = page.split("<h2>Ours, not the paper")[1]
    for task in (*synthetic.TASKS, "mab-bernoulli-hard"):
        assert f"{task} (K=" in chosen
    assert "1 iterations" in page and "<dt>seeds</dt><dd>0, 1</dd>" in chosen


def test_a_missing_figure_is_one_line(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "manifest.json").write_text((results / "figures/manifest.json").read_text())
    assert write(results, tmp_path, tmp_path / "report.html") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{tmp_path}/overview.png: is missing" in error
    assert not (tmp_path / "report.html").exists()


def test_numbers_for_people() -> None:
    assert (
        findings.number(-0.001) == "0.00" and findings.number(-1.5) == "−1.50" and findings.number(float("nan")) == "–"
    )


def test_summary_prints_the_main_numbers(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert summary.main(["--tables", str(results / "tables")]) == 0
    printed = capsys.readouterr().out
    assert str(results / "report.html") in printed and "best baseline Hedge (eta=0.66)" in printed
    assert "(1 more methods in the report)" in printed  # of four
    table = read_table(results / "tables", "summary").query("suite == 'in-distribution'")
    row = table.query("task == 'mab-gaussian' and method == 'rmft' and seed == 'all'").iloc[-1]
    for task in synthetic.TASKS:
        assert f"{task}, model tiny: " in printed
    signs = read_table(results / "tables", "signatures")
    assert f"Signs of failure: {signs['flagged'].sum()} lucky in {len(signs)} checks" in printed
    assert printed.count("\n") <= 2 + 4 * len(synthetic.TASKS) + 3 + 3
    assert f"{row['regret']:.2f} [{row['regret_low']:.2f}, {row['regret_high']:.2f}]" in printed


def test_summary_without_tables_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert summary.main(["--tables", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
