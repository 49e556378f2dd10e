"""reasoning_tables as a program: on made cells of known numbers, and on broken ones."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rmft.stages import files, reasoning_tables
from rmft.stages.experiment import policy_cell
from rmft.stages.reason import REASONING
from rmft.stages.table_columns import COLUMNS, PROBE

RIGHT = {0: 4, 1: 8}  # of 10 statements in each episode, by iteration


def write_cells(cells: Path, episodes: int = 30) -> pd.DataFrame:
    """Cells of two seeds whose numbers are known, and their rows of summary.csv."""
    where = {"model": "tiny", "task": "mab", "kind": "policy", "method": "rmft", "label": "rmft (k=2)"}
    rows = []
    for seed, iteration in ((seed, t) for seed in ("0", "1") for t in RIGHT):
        folder = policy_cell(cells.parent, "tiny", "mab", "rmft", seed, iteration)
        folder.mkdir(parents=True)
        right = RIGHT[iteration]
        counts = {"steps": 20, "stated": 10, "right": right, "acted": right // 2, "explores": 5, "exploits": 15}
        counts |= {"numbers": 4, "stated_all": 0, "right_all": 0, "error": 1.0}
        table = pd.DataFrame({"suite": "in-distribution", "episode": range(episodes), **counts})
        table = table.assign(scenario_id=table["episode"].map("s-{}".format))
        files.write_table(
            folder / "reasoning.parquet", pa.Table.from_pandas(table).select(REASONING.names).cast(REASONING)
        )
        said = {"history": "plain-0", "kind": "plain", "prompt": 'p,\n"q"', "averages": "{}", "reply": "a\nb"}
        said |= {"best_named": "A" if iteration else "", "right": True if iteration else None, "trap": ""}
        (folder / "probes.jsonl").write_text(json.dumps(said) + "\n")
        rows.append(where | {"seed": seed, "iteration": iteration, "suite": "in-distribution"})
    rows += [where | {"seed": "all", "iteration": t, "suite": "in-distribution"} for t in RIGHT]
    rows.append(
        where | {"kind": "baseline", "model": "", "method": "ucb", "seed": "all", "iteration": pd.NA, "suite": "x"}
    )
    rows.append(where | {"kind": "numeric", "model": "net", "seed": "0", "iteration": 0, "suite": "in-distribution"})
    return pd.DataFrame(rows)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_cells(tmp_path / "cells").to_csv(tmp_path / "summary.csv", index=False)
    return tmp_path


def gather(folder: Path) -> int:
    names = [str(folder / f"out/{name}.csv") for name in ("reasoning", "probes")]
    flags = ["--summary", str(folder / "summary.csv"), "--results", str(folder)]
    return reasoning_tables.main([*flags, "--output", *names])


def test_tables_of_known_cells(made: Path) -> None:
    assert gather(made) == 0
    table = pd.read_csv(made / "out/reasoning.csv", dtype={"seed": str})
    assert list(table) == COLUMNS["reasoning"] and len(table) == 6
    for row in table.to_dict("records"):
        aligned, pooled = RIGHT[row["iteration"]] / 10, row["seed"] == "all"
        assert (row["episodes"], row["steps"]) == ((60, 1200) if pooled else (30, 600))
        assert row["aligned"] == row["aligned_low"] == row["aligned_high"] == pytest.approx(aligned)
        assert (row["stated"], row["explores"], row["exploits"]) == pytest.approx((0.5, 0.25, 0.75))
        assert row["knows"] == pytest.approx(aligned / 2) and row["acts"] == pytest.approx(0.5)
        assert row["numeric_error"] == pytest.approx(0.25)
        assert row["change_aligned"] == pytest.approx(aligned - 0.4) == row["change_aligned_low"]
        assert row["p_change_aligned"] == pytest.approx(1 / 2001 if row["iteration"] else 1, rel=1e-6)
        assert np.isnan(row["aligned_all"]) and np.isnan(row["p_change_aligned_all"])
    said = pd.read_csv(made / "out/probes.csv", dtype={"seed": str})
    assert list(said) == ["model", "task", "method", "seed", "iteration", *PROBE] and len(said) == 4
    assert set(said["reply"]) == {"a\nb"} and set(said["prompt"]) == {'p,\n"q"'}
    assert said.loc[said["iteration"] == 1, "right"].tolist() == [True, True]
    assert said.loc[said["iteration"] == 0, "right"].isna().all()


def test_the_same_cells_give_the_same_bytes(made: Path) -> None:
    assert gather(made) == 0
    first = {path.name: path.read_bytes() for path in (made / "out").iterdir()}
    shutil.rmtree(made / "out")
    assert gather(made) == 0
    assert first == {path.name: path.read_bytes() for path in (made / "out").iterdir()}


def put(table: pa.Table, path: Path) -> None:
    """Write it in the place of a file and of all that tells what that was."""
    path.unlink()
    pq.write_table(table.replace_schema_metadata(None), path)


def break_cell(cells: Path, what: str) -> None:
    """Damage one cell."""
    folder = cells / "tiny/mab/rmft/seed1/iter1"
    reasoning, probes = folder / "reasoning.parquet", folder / "probes.jsonl"
    table = pq.read_table(reasoning)
    match what:
        case "missing":
            reasoning.unlink()
        case "fewer":
            put(table.slice(5), reasoning)
        case "suite":
            put(table.slice(0, 0), reasoning)
        case "column":
            put(table.drop(["stated"]), reasoning)
        case "no probes":
            probes.unlink()
        case "empty":
            probes.write_text("")
        case "half":
            probes.write_text(probes.read_text()[:20])
        case "key":
            probes.write_text('{"history": "plain-0"}\n')
        case "another history":
            probes.write_text(probes.read_text() * 2 + probes.read_text().replace("plain-0", "plain-1"))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("missing", "reasoning.parquet: is missing; make it with: snakemake"),
        ("fewer", "policies played other numbers of episodes"),
        ("suite", "holds no row"),
        ("column", "column stated is missing"),
        ("no probes", "probes.jsonl: is missing; make it with: snakemake"),
        ("empty", "probes.jsonl: is empty"),
        ("half", "probes.jsonl: ends within a line"),
        ("key", "probes.jsonl: cannot be read (KeyError('kind'))"),
        ("another history", "probes.jsonl: history plain-1 has 1 replies, others 2"),
    ],
)
def test_a_broken_cell_is_named(made: Path, capsys: pytest.CaptureFixture, what: str, said: str) -> None:
    break_cell(made / "cells", what)
    assert gather(made) == 1
    line = capsys.readouterr().err.strip()
    assert said in line and "\n" not in line
    assert not (made / "out").exists()
