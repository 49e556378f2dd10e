import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rmft.figures import FIGURES
from rmft.stages import draw, report, summary, tables
from rmft.stages.draw import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic

CAPTIONS = Path(report.__file__).parents[2] / "report"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = synthetic.write_results(tmp_path_factory.mktemp("report"), 12, 4, 4, iterations=1)
    chosen = json.dumps(synthetic.selection(iterations=1))
    assert tables.main(["--results", str(made), "--selection", chosen, "--output", str(made / "tables")]) == 0
    for name in FIGURES:
        png = str(made / "figures" / f"{name}.png")
        assert draw.main(["--figure", name, "--tables", str(made / "tables"), "--output", png]) == 0
    return made


def write(results: Path, figures: Path, out: Path) -> int:
    folders = ["--tables", str(results / "tables"), "--figures", str(figures), "--captions", str(CAPTIONS)]
    return report.main([*folders, "--config", '{"rollout": {"scenarios": 64}}', "--output", str(out)])


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    assert write(results, results / "figures", results / "report.html") == 0
    return (results / "report.html").read_text(encoding="utf-8")


def test_every_figure_is_inside_with_its_caption(page: str) -> None:
    for name in FIGURES:
        assert f'<figure id="{name}">' in page
        assert (CAPTIONS / f"{name}.rst").read_text().splitlines()[0].replace("'", "&#39;") in page
    assert page.count("data:image/png;base64,iVBOR") == len(FIGURES)


def test_nothing_is_fetched_and_no_click_is_needed(page: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:)', page)
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
    last = rows[(rows["method"] == "rmft") & (rows["seed"] == "all") & (rows["iteration"] == 1)].iloc[0]
    assert f"<td>{last['regret']:.2f} <small>[{last['regret_low']:.2f}, {last['regret_high']:.2f}]" in page
    for label in rows["label"].unique():
        assert label in page


def test_provenance(page: str) -> None:
    words = "commit, sha256, seeds, Python 3, numpy, cores, 12 held-out episodes, rollout, 12.5 s"
    for word in words.split(", "):
        assert word in page
    assert "Ours, not the paper" in page and "scenarios 64" in page


def test_a_missing_figure_is_one_line(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert write(results, tmp_path, tmp_path / "report.html") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{tmp_path}/regret_curves.png: is missing" in error
    assert not (tmp_path / "report.html").exists()


def test_numbers_for_people() -> None:
    assert report.number(-0.001) == "0.00" and report.number(-1.5) == "−1.50" and report.number(float("nan")) == "–"


def test_summary_prints_the_main_numbers(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert summary.main(["--tables", str(results / "tables")]) == 0
    printed = capsys.readouterr().out
    assert str(results / "report.html") in printed and "UCB (c=2 ln t)" in printed
    row = read_table(results / "tables", "summary").query("method == 'random-k' and seed == 'all'").iloc[-1]
    assert f"{row['regret']:.2f} [{row['regret_low']:.2f}, {row['regret_high']:.2f}]" in printed


def test_summary_without_tables_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert summary.main(["--tables", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
