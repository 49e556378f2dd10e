from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rmft.figures import FIGURES, regret_curves, style
from rmft.stages import draw


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", FIGURES)
def test_two_draws_give_the_same_bytes_and_no_date(name: str, folder: Path, drawn: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.{kind}" for kind in ("pdf", "png")]
    assert draw.main(["--figure", name, "--tables", str(folder), "--output", *map(str, files)]) == 0
    for file in files:
        assert file.read_bytes() == (drawn / file.name).read_bytes()
    assert b"CreationDate" not in files[0].read_bytes()
    assert files[0].read_bytes().startswith(b"%PDF") and files[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_is_named_and_no_text_leaves_the_page(name: str, folder: Path) -> None:
    figure = draw.figure_of(name, folder)
    figure.draw_without_rendering()
    for axes in figure.get_axes():
        row = [axes] + [a for a in figure.get_axes() if a.get_shared_y_axes().joined(a, axes)]
        column = [a for a in figure.get_axes() if a.get_position().x0 == axes.get_position().x0]
        assert any(a.get_ylabel() for a in row) or any(label.get_text() for a in row for label in a.get_yticklabels())
        assert any(a.get_xlabel() for a in column)
    inside, page = figure.get_tightbbox(), figure.bbox_inches
    assert inside.x0 > -0.02 and inside.x1 < page.width + 0.02, (inside, page)
    assert inside.y0 > -0.02 and inside.y1 < page.height + 0.02, (inside, page)


@pytest.mark.parametrize("name", ["regret_curves", "exploration"])
def test_constants_of_baselines_are_written(name: str, folder: Path) -> None:
    written = texts(draw.figure_of(name, folder))
    for label in ("UCB (c=1)", "UCB (c=2 ln t)", "eps-greedy (eps=0.1)", "EXP3 (gamma=0.216)"):
        assert label in written


@pytest.mark.parametrize("name", ["regret_curves", "iterations", "exploration"])
def test_episodes_and_seeds_are_stated(name: str, folder: Path) -> None:
    assert "24 held-out episodes per policy and seed; 2 seeds" in texts(draw.figure_of(name, folder))


def test_a_figure_leaves_its_table_alone(folder: Path) -> None:
    table = draw.read_table(folder, "curves")
    before = table.copy()
    regret_curves.draw(table)
    pd.testing.assert_frame_equal(table, before)


def test_a_second_task_gets_its_own_band(folder: Path) -> None:
    table = draw.read_table(folder, "curves")
    both = pd.concat([table, table.assign(task="other")])
    one, two = regret_curves.draw(table), regret_curves.draw(both)
    assert len(two.get_axes()) == 2 * len(one.get_axes())
    assert "other, model tiny" in texts(two)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_is_said(name: str, folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*.csv"):
        (tmp_path / path.name).write_text(path.read_text().splitlines()[0] + "\n")
    assert "nothing to draw" in texts(draw.figure_of(name, tmp_path))


def test_labels_move_apart_in_order() -> None:
    placed = style.spread([1.0, 1.01, 0.99, 5.0], gap=0.5, low=0.0, high=6.0)
    assert np.argsort(placed).tolist() == [2, 0, 1, 3]
    assert np.diff(np.sort(placed)).min() > 0.49
    assert placed[3] == 5.0


def test_a_missing_table_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    code = draw.main(["--figure", "reading", "--tables", str(tmp_path), "--output", str(tmp_path / "x.pdf")])
    error = capsys.readouterr().err
    assert code == 1 and error.count("\n") == 1 and f"{tmp_path}/reading.csv: is missing" in error
