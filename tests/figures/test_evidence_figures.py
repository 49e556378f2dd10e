"""The rows beside each figure, and the figures of what is judged: growth, tracking, suites, ablations, reasoning."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rmft.figures import FIGURES, ablations, generalisation, growth, overview, reasoning, tracking
from rmft.stages import draw
from rmft.stages.table_columns import ROW
from rmft.stages.table_files import read_table

SEVERAL = ("iterations",)
WHERE = {"model": "tiny", "task": "one", "kind": "policy", "method": "rmft", "label": "rmft (k=2)", "seed": "all"}
WHERE |= {"iteration": 0, "suite": "in-distribution", "measure": "pseudo-regret", "episodes": 24}


def texts(figure: Figure) -> list[str]:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def tables_of(name: str, drawn: Path, folder: Path, out: Path) -> None:
    """Take the CSV beside a figure for the tables that it is drawn from."""
    names = draw.Drawing(name, folder).module.TABLES
    rows = pd.read_csv(drawn / f"{name}.csv", dtype=str, keep_default_na=False)
    for table in names:
        own = rows[rows["table"] == table] if len(names) > 1 else rows
        header = (folder / f"{table}.csv").open().readline().strip().split(",")
        own[header].to_csv(out / f"{table}.csv", index=False, lineterminator="\n")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_drawn_again_from_the_rows_beside_it(
    name: str, folder: Path, drawn: Path, tmp_path: Path
) -> None:
    """To the byte; and whether its PDF is saved too changes nothing in its PNG."""
    tables_of(name, drawn, folder, tmp_path)
    out = tmp_path / f"{name}.png"
    assert draw.main(["--figure", name, "--tables", str(tmp_path), "--output", str(out)]) == 0
    assert out.read_bytes() == (drawn / out.name).read_bytes()


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in SEVERAL])
def test_the_rows_are_lines_of_the_table(name: str, folder: Path, drawn: Path) -> None:
    (table,) = draw.Drawing(name, folder).module.TABLES
    known = (folder / f"{table}.csv").read_text().splitlines()
    header, *lines = (drawn / f"{name}.csv").read_text().splitlines()
    assert header == known[0] and set(lines) <= set(known[1:])
    assert bool(lines) == (name not in ("contrasts", "numbers", "numbers_generalise"))


def test_of_several_tables_a_column_says_whose_a_row_is(drawn: Path) -> None:
    rows = pd.read_csv(drawn / "iterations.csv")
    assert rows.columns[0] == "table" and rows["table"].unique().tolist() == ["summary", "selection"]


def first_selection(method: str, label: str, iterations: int, sizes: tuple[int, int]) -> list[dict]:
    """Rows of selection.csv."""
    rows = [WHERE | {"method": method, "label": label, "iteration": t} for t in range(iterations)]
    return [row | dict(zip(("trajectories", "selected"), sizes, strict=True)) for row in rows]


def test_the_loop_bears_the_numbers_of_the_run() -> None:
    """Methods of one size share a line; a pool of the whole task has no M."""
    rows = first_selection("rmft", "rmft (k=2, oracle regret)", 3, (1024, 256))
    rows += first_selection("random-k", "random-k (k=2, random choice)", 3, (1024, 256))
    rows += first_selection("once", "once (k=2, oracle regret)", 1, (3072, 768))
    rows += first_selection("pool", "pool (k=64, oracle regret, pool task)", 1, (1024, 64))
    written = texts(overview.draw(pd.DataFrame(rows)))
    assert "one, model tiny: M = 128, L = 8, k = 2, N = 3   (rmft, random-k)" in written
    assert "one, model tiny: M = 384, L = 8, k = 2, N = 1   (once)" in written
    assert "one, model tiny: 64 of 1,024 trajectories, N = 1   (pool)" in written
    assert "plays M = 128 scenarios\nx L = 8 times each,\nat temperature 1" in written


def exponent(beta: float, p: float, **values: object) -> dict:
    """A row of growth.csv."""
    bounds = {"beta": beta, "beta_low": beta - 0.1, "beta_high": beta + 0.1, "p_reg": p}
    return WHERE | bounds | {"change": np.nan, "change_low": np.nan, "change_high": np.nan} | values


def test_exponents_stand_in_order_and_only_clear_ones_are_filled() -> None:
    change = {"change": -0.2, "change_low": -0.3, "change_high": -0.1}
    rows = [exponent(1.0, 0.001), exponent(0.9, 0.001, iteration=1), exponent(0.8, 0.5, iteration=2, **change)]
    rival = {"kind": "baseline", "iteration": pd.NA}
    rows += [exponent(0.7, 0.01, method="b", label="B", **rival), exponent(0.3, 0.01, method="a", label="A", **rival)]
    rows.append(exponent(0.0, 0.01, method="o", label="O", **rival | {"kind": "oracle"}))
    figure = growth.draw(pd.DataFrame(rows))
    (axis,) = figure.get_axes()
    dots = [line for line in axis.get_lines() if line.get_marker() != "None"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [1.0, 0.8, 0.3, 0.7]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, False, False]
    assert "change −0.20 [−0.30, −0.10]" in texts(figure)


def test_every_difference_is_that_of_the_other_method_at_the_ends() -> None:
    """Of which a comparison is the mean less the other's is turned, and its interval and iterations with it."""
    same = {"metric": "regret", "suite": "in-distribution", "iteration": 2, "against_iteration": 2} | {
        key: WHERE[key] for key in ("model", "task", "kind")
    }
    wrong = {"difference": 9.0, "low": 9.0, "high": 9.0}
    rows = [
        same | {"method": "rmft", "against": "random-k", "difference": 1.0, "low": -0.5, "high": 2.0},
        same | {"method": "rmft", "against": "once", "iteration": 1, "against_iteration": 1, **wrong},
        same
        | {"method": "rmft", "against": "once", "against_iteration": 1, "difference": -3.0, "low": -4.0, "high": -2.0},
        same | {"method": "late", "against": "rmft", "difference": 5.0, "low": 4.0, "high": 6.0},
        same | {"method": "rmft", "against": "base", "against_iteration": 0, **wrong},
        same | {"method": "once", "against": "random-k", **wrong},
        same | {"method": "rmft", "against": "rmft", "against_iteration": 1, **wrong},
    ]
    (shown,) = ablations.rows(pd.DataFrame(rows))
    turned = ablations.turned(shown)[["method", "difference", "low", "high"]]
    assert turned.values.tolist() == [["random-k", -1.0, -2.0, 0.5], ["once", 3.0, 2.0, 4.0], ["late", 5.0, 4.0, 6.0]]
    left = ablations.draw(pd.DataFrame(rows)).get_axes()[0]
    ticks = [label.get_text() for label in left.get_yticklabels()]
    assert ticks == ["random-k, 2\nless rmft, 2", "once, 1\nless rmft, 2", "late, 2\nless rmft, 2"]


def test_the_heat_map_is_relative_and_bold_where_clear() -> None:
    """2 of 4 and 1 of 10; the second interval holds 0."""
    rows = []
    for suite, base, change, half in (("in-distribution", 4.0, -2.0, 1.0), ("sine", 10.0, 1.0, 3.0)):
        shown = {"suite": suite, "horizon": 20}
        rows.append(WHERE | shown | {"regret": base, "change": 0.0, "change_low": 0.0, "change_high": 0.0})
        bounds = {"change": change, "change_low": change - half, "change_high": change + half}
        rows.append(WHERE | shown | {"regret": base + change, "iteration": 1} | bounds)
    axis = generalisation.draw(pd.DataFrame(rows)).get_axes()[0]
    np.testing.assert_allclose(axis.images[0].get_array(), [[-0.5, 0.1]])
    assert [(text.get_text(), text.get_weight()) for text in axis.texts] == [("−50%", "bold"), ("+10%", "normal")]


def followed(clock: str, best: float, **values: object) -> list[dict]:
    """Rows of tracking.csv."""
    steps = range(1, 11) if clock == "step" else range(-2, 4)
    shares = {"best": best, "best_low": best - 0.1, "best_high": best + 0.1, "former": 0.3}
    return [WHERE | shares | {"clock": clock, "step": step} | values for step in steps]


def test_tracking_shows_the_ends_and_the_three_best_baselines() -> None:
    rows = [row for clock in ("step", "since") for t in (0, 1, 2) for row in followed(clock, 0.4, iteration=t)]
    rival = {"kind": "baseline", "iteration": pd.NA}
    for i in range(5):
        for clock in ("step", "since"):
            rows += followed(clock, 0.1 * i, method=f"b{i}", label=f"b{i}", **rival)
    left, right = tracking.draw(pd.DataFrame(rows)).get_axes()
    labels = left.get_legend_handles_labels()[1]
    assert sorted(labels) == ["b2", "b3", "b4", "base policy (iteration 0)", "rmft (k=2), iteration 2"]
    dotted = [line for line in right.get_lines() if line.get_linestyle() == ":" and line.get_lw() == 1.2]
    assert [line.get_xdata().min() for line in dotted] == [0, 0]


def test_reasonings_without_numbers_say_so(folder: Path) -> None:
    """The made-up policies state no average on one task of three."""
    written = texts(reasoning.draw(read_table(folder, "reasoning")))
    assert written.count("no average is stated") == 1
    assert any("A best arm is named in 60% to 70% of steps" in text for text in written)


def test_growth_of_all_made_up_policies(folder: Path) -> None:
    """Each made-up exponent falls by a tenth an iteration."""
    table = read_table(folder, "growth")
    (shown,) = growth.rows(table)
    assert set(shown["seed"]) == {"all"} and set(shown["suite"]) == {"in-distribution"}
    assert list(table.columns[:8]) == ROW


@pytest.mark.parametrize(("figure", "table"), [("tracking", "tracking"), ("regret_curves", "curves")])
def test_a_table_of_other_columns_is_one_line(
    figure: str, table: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / f"{table}.csv").write_text("model,seed,iteration\ntiny,0,1\n")
    argv = ["--figure", figure, "--tables", str(tmp_path), "--output", str(tmp_path / "a.png")]
    assert draw.main(argv) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{tmp_path}/{table}.csv: lacks the column " in error
