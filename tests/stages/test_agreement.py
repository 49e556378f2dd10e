"""Files that can be read and yet do not agree are refused, with the row; left-overs of a killed write vanish."""

import math
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmft.core.trajectory import Play
from rmft.stages import files, program
from rmft.stages.agreement import check_episodes, check_regrets
from rmft.stages.chunks import in_chunks

SCHEMA = pa.schema({"name": pa.string(), "value": files.REGRET.field("curve").type, "information_regret": pa.float64()})


def episodes(*names: str) -> pa.Table:
    """Trajectories `scenario-episode`."""
    scenarios = [f"train-0-0-{name.split('-')[0]}" for name in names]
    return pa.table({"trajectory_id": [f"train-0-0-{name}" for name in names], "scenario_id": scenarios})


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["0-0", "0-1", "0-1", "1-0"], "row 2, column trajectory_id: train-0-0-0-1 stands twice"),
        (["0-0", "0-1", "1-0"], "scenario train-0-0-1 has 1 episodes, others 2"),
        (["0-0", "2-0"], "scenario 1 is missing, of 3"),
    ],
)
def test_an_episode_that_is_missing_or_there_twice_is_named(names: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=r"some\.parquet") as refused:
        check_episodes(episodes(*names), Path("some.parquet"))
    assert said in str(refused.value)


def test_whole_episodes_pass_in_any_order() -> None:
    check_episodes(episodes("1-1", "0-0", "1-0", "0-1"), Path("some.parquet"))


def test_regrets_of_other_rewards_are_refused() -> None:
    play = Play(np.zeros((2, 2), int), np.array([[0.5, 0.25], [1.0, 0.0]]), np.zeros((2, 1, 2)))
    columns = {"reward": [0.375, 0.5], "regret": [0.2, 0.1], "curve": [[0.1, 0.2], [0.0, 0.1]]}
    check_regrets(pa.table(columns), play, Path("r"), Path("t"))
    for name, value in {"reward": 0.6, "regret": 0.3, "curve": [0.1]}.items():
        wrong = pa.table(columns | {name: [columns[name][0], value]})
        with pytest.raises(ValueError, match=r"r: row 1: reward, regret or curve are not those of t"):
            check_regrets(wrong, play, Path("r"), Path("t"))


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("value", 1, [0.0, math.inf]),
        ("value", 2, [math.nan]),
        ("value", 0, [None, 1.0]),
        ("name", 1, None),
        ("information_regret", 2, -math.inf),
    ],
)
def test_a_cell_that_is_empty_or_not_finite_is_named(tmp_path: Path, column: str, row: int, value: object) -> None:
    columns = {"name": ["a", "b", "c"], "value": [[1.0], [], [2.0, 3.0]], "information_regret": [math.nan] * 3}
    files.write_table(tmp_path / "t.parquet", pa.table(columns, schema=SCHEMA))
    assert files.read_table(tmp_path / "t.parquet", SCHEMA).num_rows == 3
    columns[column] = [*columns[column][:row], value, *columns[column][row + 1 :]]
    files.write_table(tmp_path / "t.parquet", pa.table(columns, schema=SCHEMA))
    with pytest.raises(
        ValueError, match=rf"t\.parquet: row {row}, column {column}: nothing there, or no finite number"
    ):
        files.read_table(tmp_path / "t.parquet", SCHEMA)


def test_what_a_killed_write_left_vanishes_at_the_next(tmp_path: Path) -> None:
    (tmp_path / ".a.json.12345.tmp").write_text("half")
    (tmp_path / ".b.json.12345.tmp").write_text("of another file")
    files.write_text(tmp_path / "a.json", "{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.json.12345.tmp", "a.json"]


@pytest.mark.parametrize("bare", [True, False], ids=["without seals", "with seals"])
def test_a_chunk_that_lost_its_end_is_made_again_and_others_are_not(tmp_path: Path, bare: bool) -> None:
    schema, made, stop = pa.schema({"i": pa.int64()}), [], [3]
    pieces = [("p", range(i, i + 2)) for i in range(0, 8, 2)]

    def make(name: str, piece: range) -> pa.Table:
        if piece.start // 2 == stop[0]:
            raise KeyboardInterrupt
        made.append(piece.start)
        return pa.table({"i": list(piece)}, schema=schema)

    how = {"schema": schema, "identity": ["x"], "unit": "piece"}
    with pytest.raises(KeyboardInterrupt):
        in_chunks(tmp_path / "all.parquet", pieces, make, **how)
    (part,) = tmp_path.glob(".all.parquet.chunks/*/p-000002-*.parquet")
    os.truncate(part, part.stat().st_size // 2)
    if bare:
        shutil.copyfile(part, part.with_name("new"))
        part.with_name("new").rename(part)
    stop[0] = None
    in_chunks(tmp_path / "all.parquet", pieces, make, **how)
    assert made == [0, 2, 4, 2, 6]
    assert pq.read_table(tmp_path / "all.parquet")["i"].to_pylist() == list(range(8))
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


@pytest.mark.parametrize(
    "error", [MemoryError("no more"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")]
)
def test_too_little_memory_is_one_line(error: Exception, capsys: pytest.CaptureFixture) -> None:
    def work(args: object) -> None:
        raise error

    assert program.run(ArgumentParser("stage"), work, []) == 1
    assert capsys.readouterr().err.startswith("stage: out of memory (")


def test_torch_really_out_of_memory_is_one_line() -> None:
    """The allocator asked for a hundred terabytes."""
    code = (
        "from argparse import ArgumentParser; import torch; from rmft.stages import program\n"
        "raise SystemExit(program.run(ArgumentParser('stage'), lambda args: torch.empty(10**14), []))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("stage: out of memory (")
    assert len(done.stderr.splitlines()) == 1


def test_a_bug_stays_a_traceback() -> None:
    def work(args: object) -> None:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        program.run(ArgumentParser("stage"), work, [])
