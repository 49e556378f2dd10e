"""Results that cannot be read are named in one line, and no table is written."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tables_made import run

BROKEN = {
    "cells/tiny/mab-gaussian/rmft/seed1/iter2/evaluation.parquet": "half a file",
    "cells/tiny/mab-gaussian/base/seed0/iter0/regret.parquet": "half a file",
    "cells/tiny/mab-gaussian/rmft-once/seed1/iter0/regret.parquet": "half a file",
    "cells/tiny/fol-gaussian/random-k/seed0/iter1/evaluation.parquet": "half a file",
    "cells/tiny/mab-gaussian/random-k/seed0/iter1/selected.jsonl": '{"no": 1}\n',
    "cells/tiny/mab-gaussian/rmft/seed0/iter1/selected.jsonl": "",
    "cells/tiny/mab-gaussian/rmft/seed1/iter0/selection.json": '{"score": ["regret"], "k": 2, "also": {}}',
    "cells/tiny/mab-gaussian/rmft/seed1/iter1/sft.json": '{"curve": [{"epoch": 1, "train_loss": [1]}]}',
    "cells/tiny/mab-gaussian/random-k/seed0/iter1/selection.json": "{",
    "cells/tiny/mab-gaussian/rmft/seed0/iter1/sft.json": "{}",
    "cells/tiny/mab-gaussian/rmft/seed0/iter2/sft.json": '{"curve": [1, 2]}',
    "baselines/mab-bernoulli-hard/ucb.parquet": "half a file",
    "models/tiny/reading.csv": "a,b\n1,2\n",
    "models/./tiny/reading.csv": "task,steps_seen,told,best_empirical,best_true,chance,n\nmab,1,nothing,nan,1,1,1\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line(name: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (results / name).write_text(BROKEN[name])
    assert run(results, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith(f"tables: {results / name}: ") and "delete it" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [name for name in BROKEN if not name.startswith("models")])
def test_a_missing_file_is_one_line(name: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (results / name).unlink()
    assert run(results, tmp_path / "out") == 1
    assert (
        capsys.readouterr().err == f"tables: {results / name}: is missing; make it with: snakemake {results / name}\n"
    )


def test_a_column_that_lacks_is_named(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = results / "baselines" / "mab-gaussian" / "greedy.parquet"
    table = pq.read_table(path).drop_columns("lucky")
    path.unlink()  # with its seal
    pq.write_table(table, path)
    assert run(results, tmp_path / "out") == 1
    assert f"{path}: column lucky is missing" in capsys.readouterr().err
