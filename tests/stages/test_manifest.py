"""What each figure is evidence of, and the README's table of it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from rmft.figures import FIGURES
from rmft.stages import manifest

ROOT = Path(__file__).parents[2]
ENTRIES = ROOT / "workflow/figures.yaml"


@pytest.fixture(scope="module")
def listed(reported: Path) -> list[dict]:
    return json.loads((reported / "figures/manifest.json").read_text())


def test_every_figure_is_listed_with_its_files(listed: list[dict]) -> None:
    assert [entry["figure"] for entry in listed] == list(FIGURES)
    assert [entry["number"] for entry in listed] == list(range(1, len(FIGURES) + 1))
    for entry in listed:
        assert (ROOT / entry["caption"]).is_file()
        assert entry["files"] == [f"{entry['figure']}.{form}" for form in ("pdf", "png", "csv")]


def test_only_one_number_is_the_papers(listed: list[dict]) -> None:
    assert {entry["figure"]: entry["paper"] for entry in listed if entry["paper"]} == {"reasoning": 6}


def test_what_shows_nothing_is_no_evidence(listed: list[dict], reported: Path) -> None:
    """The made-up tasks differ in more than how they are told, and no model there has numbers in and out."""
    without = {entry["figure"] for entry in listed if not entry["evidence"]}
    assert without == {"contrasts", "numbers", "numbers_generalise"}
    for entry in listed:
        lines = (reported / "figures" / entry["files"][2]).read_text().splitlines()
        assert entry["evidence"] == (entry["rows"] > 0) and entry["rows"] <= len(lines) - 1


def test_the_readme_lists_the_same(listed: list[dict]) -> None:
    """Figure -> claim -> rule -> file, line by line and in the same order."""
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \| (\w+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.M
    )
    expected = [
        (
            entry["figure"],
            entry["shows"],
            ", ".join(entry["claims"]) or "-",
            entry["cells"],
            entry["rule"],
            ", ".join(f"`{table}.csv`" for table in entry["tables"]),
        )
        for entry in listed
    ]
    assert rows == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"overview": None}, "overview: must have the keys claims, cells, paper, shows"),
        ({"extra": {}}, "wrong: extra"),
        ({"growth": {"claims": "C1", "cells": "words", "paper": None, "shows": "it"}}, "growth: claims: is 'C1'"),
        ({"growth": {"claims": [], "cells": "words", "paper": "6", "shows": "it"}}, "growth: paper: is '6'"),
    ],
)
def test_a_wrong_entry_is_one_line(
    change: dict, said: str, reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "figures.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(ENTRIES.read_text()) | change))
    flags = ["--entries", str(path), "--figures", str(reported / "figures"), "--output", str(tmp_path / "x.json")]
    assert manifest.main(flags) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error
    assert not (tmp_path / "x.json").exists()


def test_a_figure_without_its_rows_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    flags = ["--entries", str(ENTRIES), "--figures", str(tmp_path), "--output", str(tmp_path / "x.json")]
    assert manifest.main(flags) == 1
    assert f"make it with: snakemake {tmp_path}/overview.csv" in capsys.readouterr().err
