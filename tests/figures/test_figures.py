import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rmft.figures import FIGURES, contrasts, regret_curves, style, suites
from rmft.stages import draw
from rmft.stages.table_files import read_table

sys.path.insert(0, str(Path(__file__).parent))
import synthetic


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", FIGURES)
def test_two_draws_give_the_same_bytes_and_no_date(name: str, folder: Path, drawn: Path, tmp_path: Path) -> None:
    """The PDF; test_evidence_figures.py does the same with the PNG."""
    file = tmp_path / f"{name}.pdf"
    assert draw.main(["--figure", name, "--tables", str(folder), "--output", str(file)]) == 0
    assert file.read_bytes() == (drawn / file.name).read_bytes()
    assert b"CreationDate" not in file.read_bytes() and file.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_is_named_and_no_text_leaves_the_page(name: str, folder: Path) -> None:
    figure = draw.figure_of(name, folder)
    figure.draw_without_rendering()
    for axes in figure.get_axes():
        if axes.get_label() == "<colorbar>":
            continue
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


@pytest.mark.parametrize(
    "name", ["regret_curves", "iterations", "exploration", "selected_regret", "learning_curves", "reading"]
)
def test_every_task_is_drawn_with_its_own_methods(name: str, folder: Path) -> None:
    """Tasks differ in their methods, seeds and iterations; one has no information regret, and no baselines."""
    written = texts(draw.figure_of(name, folder))
    assert [task for task in synthetic.TASKS if task not in written] == (["ns-sine"] if name == "reading" else [])


@pytest.mark.parametrize("name", ["regret_curves", "selected_regret", "learning_curves"])
def test_a_method_is_a_panel_of_the_tasks_that_have_it(name: str, folder: Path) -> None:
    """Methods of the three tasks: four, two, one."""
    titles = [axes.get_title(loc="left").split("\n")[0] for axes in draw.figure_of(name, folder).get_axes()]
    assert [titles.count(method) for method in synthetic.METHODS] == [3, 1, 2, 1]


def test_a_method_has_one_colour_on_all_tasks(folder: Path) -> None:
    figure = draw.figure_of("regret_curves", folder)
    panels = [a for a in figure.get_axes() if a.get_title(loc="left").startswith("random-k")]
    ends = [[line for line in a.get_lines() if line.get_label().startswith("iteration")][-1] for a in panels]
    assert len(panels) == 2 and ends[0].get_color() == ends[1].get_color()


def test_only_the_task_itself_is_drawn_and_not_its_suites(folder: Path) -> None:
    """Curves end at T = 20, though a suite plays 40 steps."""
    assert read_table(folder, "curves")["step"].max() == 40
    drawn = draw.figure_of("regret_curves", folder).get_axes()
    assert {line.get_xdata().max() for axes in drawn for line in axes.get_lines() if len(line.get_xdata())} == {20}


def test_a_score_that_a_task_has_not_is_left_out(folder: Path) -> None:
    """A row for each score and selection: 4 x 4, 2 x 2 x 2 (iterations differ) and one of a single score and selection."""
    figure = draw.figure_of("selected_regret", folder)
    assert len(figure.get_axes()) == 4 * 4 + 2 * 2 * 1 + 1
    assert texts(figure).count("no such selection") == 2
    assert "nan" not in texts(figure)


@pytest.mark.parametrize("name", ["regret_curves", "iterations", "exploration"])
def test_episodes_and_seeds_are_stated(name: str, folder: Path) -> None:
    assert "24 held-out episodes per policy and seed; 1 or 2 seeds" in texts(draw.figure_of(name, folder))


@pytest.mark.parametrize("name", ["regret_curves", "iterations", "selected_regret"])
def test_each_task_names_its_own_regret(name: str, folder: Path) -> None:
    figure = draw.figure_of(name, folder)
    for band, kind in zip(
        figure.subfigs, ("pseudo-regret", "external regret, realised", "dynamic regret"), strict=True
    ):
        written = [label() for axes in band.get_axes() for label in (axes.get_xlabel, axes.get_ylabel)]
        assert any(label.startswith(kind) for label in written), (kind, written)


def test_an_oracle_is_drawn_but_is_not_the_best_baseline(folder: Path) -> None:
    assert "best fixed arm" in texts(draw.figure_of("regret_curves", folder))
    assert "best baseline: Hedge (eta=0.66)" in texts(draw.figure_of("iterations", folder))


def row(regret: float = 1.0, half: float = 0.0, **values: object) -> dict:
    """A row of summary.csv: a policy of one task under the suite it was trained on, unless told otherwise."""
    where = {"model": "tiny", "task": "one", "kind": "policy", "method": "rmft", "label": "rmft (k=2)", "seed": "all"}
    what = {"iteration": 0, "suite": "in-distribution", "measure": "pseudo-regret", "horizon": 20, "alike": "one"}
    bounds = {"regret": regret, "regret_low": regret - half, "regret_high": regret + half}
    return where | what | bounds | {"change": 0.0, "change_low": 0.0, "change_high": 0.0, "talk": ""} | values


def test_training_helps_or_hurts_only_where_the_interval_is_clear_of_zero() -> None:
    ends = {(-2.0, -0.1): "helped", (0.1, 2.0): "hurt", (-1.0, 0.1): "unclear", (0.0, 0.0): "unclear"}
    for (low, high), said in ends.items():
        assert suites.sign(pd.Series({"change_low": low, "change_high": high})) == said


def test_suites_are_per_step_and_show_what_helped() -> None:
    """Regret 2 of 20 steps and 2 of 40; training helped on the first suite, hurt on the second; an oracle has 0."""
    changed = (
        {"iteration": 1, "change_low": -1.5, "change_high": -0.5},
        {"iteration": 1, "change_low": 0.5, "change_high": 1.5},
    )
    twice = {"suite": "horizon-2x", "horizon": 40}
    rows = [row(2.0), row(1.0, **changed[0]), row(2.0, **twice), row(3.0, **twice, **changed[1])]
    rival = {"kind": "baseline", "method": "ucb", "label": "UCB (c=1)", "iteration": pd.NA}
    rows += [row(0.5, **rival), row(0.0, **rival | {"kind": "oracle", "label": "the oracle"})]
    figure = suites.draw(pd.DataFrame(rows))
    (axes,) = figure.get_axes()
    marks = {(line.get_marker(), round(float(line.get_xdata()[0]), 6)) for line in axes.get_lines()}
    assert marks == {("o", 0.1), ("<", 0.05), ("o", 0.05), (">", 0.075), ("D", 0.025)}
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert ticks == ["in-distribution (T=20): pseudo-regret\nbest: UCB (c=1)", "horizon-2x (T=40): pseudo-regret"]


def test_only_tasks_with_suites_are_in_that_figure(folder: Path) -> None:
    figure = draw.figure_of("suites", folder)
    titles = [axes.get_title(loc="left").split("\n")[0] for axes in figure.get_axes()]
    assert titles == list(synthetic.METHODS) and "fol-gaussian" not in texts(figure)
    ticks = "\n".join(label.get_text() for label in figure.get_axes()[0].get_yticklabels())
    assert "sine (T=20): dynamic regret" in ticks and "horizon-2x (T=40): pseudo-regret" in ticks


def test_unpaired_differences_add_their_intervals_in_squares() -> None:
    """Zou and Donner (2008), by hand: 5 -1/+3 less 2 -4/+0 is 3, from 3 - sqrt(1 + 0) to 3 + sqrt(9 + 16)."""
    of = pd.Series({"regret": 5.0, "regret_low": 4.0, "regret_high": 8.0})
    less = pd.Series({"regret": 2.0, "regret_low": -2.0, "regret_high": 2.0})
    assert contrasts.unpaired(of, less) == (3.0, 2.0, 8.0)


def told_otherwise(task: str, regrets: tuple[float, ...]) -> list[dict]:
    """Iterations 0.. of a task that is ``one`` in other words."""
    return [row(regret, 0.3, task=task, talk=f"as {task}", iteration=t) for t, regret in enumerate(regrets)]


def test_contrasts_compare_after_as_many_iterations() -> None:
    """The first task has two iterations, the second one; each interval is 0.3 wide on both sides."""
    table = pd.DataFrame(told_otherwise("one", (5.0, 4.0, 1.0)) + told_otherwise("two", (5.5, 4.25)))
    left, right = contrasts.draw(table).get_axes()
    values = [round(float(line.get_xdata()[0]), 6) for line in right.get_lines() if line.get_marker() != "None"]
    assert values == [0.5, 0.25]
    assert {float(line.get_xdata()[0]) for line in left.get_lines()} == {5.0, 4.0, 5.5, 4.25}
    assert [label.get_text() for label in left.get_yticklabels()] == ["one\nas one", "two\nas two"]
    assert "rmft (k=2), iteration 1" in texts(left.get_figure(root=True))


def test_a_task_that_is_alike_to_none_has_no_contrast(folder: Path) -> None:
    assert "nothing to draw" in texts(draw.figure_of("contrasts", folder))


def test_many_methods_stand_in_rows(folder: Path) -> None:
    table = read_table(folder, "curves")
    table = table[(table["task"] == "fol-gaussian") & (table["method"] == "rmft")]
    many = pd.concat([table.assign(method=f"m{i}", label=f"m{i} (k=2)") for i in range(7)])
    axes = regret_curves.draw(many).get_axes()
    assert [a.get_subplotspec().rowspan.start for a in axes] == [0] * 4 + [1] * 3
    colours = {a.get_title(loc="left"): a.get_lines()[-1].get_color() for a in axes}
    assert len(set(colours.values())) == 7


def test_a_figure_leaves_its_table_alone(folder: Path) -> None:
    table = read_table(folder, "curves")
    before = table.copy()
    regret_curves.draw(table)
    pd.testing.assert_frame_equal(table, before)


def test_a_second_task_gets_its_own_band(folder: Path) -> None:
    table = read_table(folder, "curves")
    alone = table[table["task"] == "mab-gaussian"]
    both = pd.concat([alone, alone.assign(task="other")])
    one, two = regret_curves.draw(alone), regret_curves.draw(both)
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
