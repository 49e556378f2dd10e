"""What a table's file says of itself, where it has no seal: its end, its columns, its numbers, its rows."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rmft.models import seals
from rmft.stages import files
from rmft.stages.table_columns import COLUMNS
from rmft.stages.table_files import read_table

SIGNS, TRAINING = (",".join(COLUMNS[name]) for name in ("signatures", "theorem_training"))


def bare(path: Path) -> None:
    """Take the seal off."""
    if hasattr(os, "removexattr") and seals.NAME in os.listxattr(path):
        os.removexattr(path, seals.NAME)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("summary", "", "is empty"),
        ("summary", "model,seed\nm,0\nm,", "ends within a line"),
        ("summary", "model,seed\nm,0\nm,0,1,2\n", "cannot be read"),
        ("summary", "model,regret\n" + "m,1.5\n" * 3 + "m,wörd\n", "row 3, column regret: 'wörd' is no finite number"),
        ("summary", "model,regret\nm,1\nm,inf\n", "row 1, column regret"),
        ("summary", "model,regret\nm,1,2\nm,1,2\n", "its rows are longer than its head"),
        ("summary", "model,regret\nm," + "9" * 400 + "\n", "column regret"),
        ("summary", "model,iteration\nm,1.5\n", "cannot be read"),
        ("signatures", SIGNS.replace("bound", "colour") + "\n", "lacks the column bound"),
        ("signatures", SIGNS + "\nm,t,r,inf,1,lucky,1,0.5,True,x\n", "row 0, column seed: 'inf' is no seed"),
        ("signatures", SIGNS + "\nm,t,r,,1,lucky,1,0.5,True,x\n", "row 0, column seed: nan is no seed"),
        ("signatures", SIGNS + "\nm,t,r,0,,lucky,1,0.5,True,x\n", "row 0, column iteration: holds nothing"),
        ("signatures", SIGNS + "\nm,t,r,0,1,lucky,wörd,0.5,True,x\n", "row 0, column value: 'wörd'"),
        ("theorem_training", TRAINING + "\nball,2,5,1,i,0,1,,1\n", "row 0, column loss"),
        ("theorem_training", TRAINING + "\nball,2,5,1,i,all,1,0.5,1\n", "row 0, column seed: 'all' is no seed"),
        ("theorem_training", TRAINING + "\n,2,5,1,i,0,1,0.5,1\n", "row 0, column space: holds nothing"),
    ],
)
def test_a_damaged_csv_is_named(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{name}\.csv: ") as error:
        read_table(tmp_path, name)
    assert said in str(error.value) and "delete it" in str(error.value)


@pytest.mark.parametrize("column", ["method", "alike", "against", "baseline"])
def test_names_that_look_like_numbers_are_names(column: str, tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text(f"model,{column},change\n" + "m,1,\nm,2,0.5\nm,3e999,\nm,ucb,0\n")
    assert list(read_table(tmp_path, "summary")[column]) == ["1", "2", "3e999", "ucb"]


def test_without_seals_the_list_of_sums_tells(tmp_path: Path) -> None:
    """As sha256sum checks it too."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / seals.SUMS).write_text(seals.sums([tmp_path / "one.csv", tmp_path / "two.csv"]))
    subprocess.run(["sha256sum", "--check", "--strict", seals.SUMS], cwd=tmp_path, check=True, capture_output=True)
    assert len(read_table(tmp_path, "one")) == 2
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"one\.csv: is not what was written there") as error:
        read_table(tmp_path, "one")
    assert len(read_table(tmp_path, "two")) == 2
    mend = str(error.value).partition("with: ")[2]
    subprocess.run(["sh", "-c", mend], cwd=tmp_path, check=True)
    assert len(read_table(tmp_path, "one")) == 1
    (tmp_path / seals.SUMS).write_text("no list\n")
    with pytest.raises(ValueError, match="SHA256SUMS: is no list"):
        read_table(tmp_path, "one")


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """A regret.parquet of six trajectories, without its seal."""
    path = tmp_path / "cells/m/t/rmft/seed0/iter1/regret.parquet"
    ids = [f"train-{i // 2}-{i % 2}" for i in range(6)]
    known = {"trajectory_id": ids, "scenario_id": [name[:-2] for name in ids], "regret": np.arange(6.0)}
    known |= {"information_regret": np.full(6, np.nan), "reward": np.ones(6), "curve": [[1.0, 2.0]] * 6}
    known |= {"lucky": [True] * 6, "diversity": np.ones(6), "eligible": [True] * 6}
    files.write_table(path, pa.table(known, schema=files.REGRET))
    bare(path)
    assert files.read_table(path, files.REGRET).num_rows == 6
    return path


def rewritten(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """A table written anew by a program that knows nothing of ours."""
    return lambda path: pa.parquet.write_table(change(pa.parquet.read_table(path)), path)


def partly_known(table: pa.Table) -> pa.Table:
    values = pa.array([None, *range(5)], pa.float64())
    return table.set_column(table.column_names.index("information_regret"), "information_regret", values)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (rewritten(lambda table: table.slice(0, 5)), "holds 5 rows, but 6 were written"),
        (rewritten(lambda table: pa.concat_tables([table, table.slice(5)])), "holds 7 rows"),
        (rewritten(partly_known), "row 0, column information_regret"),
    ],
)
def test_a_parquet_file_knows_its_rows(damage: Callable[[Path], None], said: str, scores: Path) -> None:
    damage(scores)
    with pytest.raises(ValueError, match=rf"regret\.parquet: {said}"):
        files.read_table(scores, files.REGRET)


def test_bytes_changed_in_the_data_are_seen(scores: Path) -> None:
    """Wherever they are: pages have sums, and where nothing is refused nothing has changed."""
    data, whole, refused = scores.read_bytes(), str(files.read_table(scores, files.REGRET).to_pydict()), 0
    for at in range(0, len(data) - 8, 16):
        scores.write_bytes(data[:at] + bytes(byte ^ 0xA5 for byte in data[at : at + 8]) + data[at + 8 :])
        try:
            assert str(files.read_table(scores, files.REGRET).to_pydict()) == whole
        except ValueError as error:
            assert str(error).startswith(f"{scores}: ")
            refused += 1
    assert refused > len(data) / 32
