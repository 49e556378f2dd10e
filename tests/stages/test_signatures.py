"""Signs of failure: each on made data that has it, and on made data that has it not."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from rmft.models import seals
from rmft.stages import signatures, summary
from rmft.stages.table_columns import COLUMNS
from rmft.stages.table_files import read_table

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import synthetic

BOUNDS = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())["signatures"]
RUN = {"model": "tiny", "task": "mab", "method": "rmft", "seed": "0"}
CELLS = pd.DataFrame([{**RUN, "iteration": t} for t in range(4)])
FIRSTS = {tuple(RUN.values()): "base"}


def bounded(name: str, values: list[float]) -> pd.DataFrame:
    """A column with an interval, of the iterations 0, 1, ..."""
    columns = {name: values, f"{name}_low": np.array(values) - 0.01, f"{name}_high": np.array(values) + 0.01}
    return CELLS[: len(values)].assign(**columns)


def flagged(rows: object) -> list[bool]:
    return [row["flagged"] for row in rows]


def test_rollouts_that_are_alike() -> None:
    rows = list(signatures.alike(bounded("diversity", [0.4, 0.09, np.nan]), FIRSTS, **BOUNDS["alike"]))
    assert flagged(rows) == [False, True] and [row["method"] for row in rows] == ["base", "rmft"]
    assert rows[1]["value"] == 0.09 and rows[1]["bound"] == 0.1 and "9% [8%, 10%]" in rows[1]["said"]


@pytest.mark.parametrize(
    ("entropy", "of_policies", "expected", "value", "said"),
    [
        (0.5, np.nan, False, 0.5, "below 0.05"),
        (0.03, np.nan, True, 0.03, "nearly one arm"),
        (0.97, np.nan, True, 0.97, "nearly uniform"),
        (0.97, 0.5, False, 0.5, "below"),  # decided at every step, but not always for the same arm
        (0.99, 0.98, True, 0.98, "of its distributions"),
        (0.02, 0.01, True, 0.02, "nearly one arm"),
    ],
)
def test_play_that_is_degenerate(entropy: float, of_policies: float, expected: bool, value: float, said: str) -> None:
    table = bounded("entropy", [0.5, entropy]).merge(bounded("policy_entropy", [np.nan, of_policies]))
    first, row = signatures.degenerate(table, **BOUNDS["degenerate"])
    assert first["method"] == "base" and row["method"] == "rmft"
    assert row["flagged"] == expected
    if expected:
        assert row["value"] == value and said in row["said"]


def losses(*ends: tuple[float, float]) -> pd.DataFrame:
    """Training losses of the first and last epoch of iterations 1, 2, ...; the validation loss always falls."""
    rows = [
        {**RUN, "iteration": t, "stage": "sft", "split": split, "x": x, "loss": loss if split == "train" else -x}
        for t, values in enumerate(ends, 1)
        for x, loss in zip((4, 1), reversed(values), strict=True)
        for split in ("train", "validation")
    ]
    return pd.DataFrame(rows)


def regrets(*levels: float, noise: float = 0.1) -> pd.DataFrame:
    """Episodes of iterations 0, 1, ... about known regrets, on scenarios of very different difficulty."""
    rng, hard = np.random.default_rng(0), np.linspace(0, 50, 200)
    frames = [
        pd.DataFrame({"scenario_id": range(200), "regret": hard + level + noise * rng.normal(size=200)}).assign(
            **RUN, iteration=t
        )
        for t, level in enumerate(levels)
    ]
    return pd.concat(frames).astype({"iteration": "Int64"})


def test_a_loss_that_falls_while_regret_rises() -> None:
    changes = signatures.changes_of(regrets(3.0, 2.0, 2.5, 2.9))
    rows = list(signatures.overfit(changes, losses((1, 0.5), (1, 0.5), (0.5, 1)), **BOUNDS["overfit"]))
    assert flagged(rows) == [False, True, False]  # regret fell; both; the loss did not fall
    assert rows[1]["value"] == pytest.approx(0.5, abs=0.05) and "fell (1 to 0.5)" in rows[1]["said"]
    noisy = signatures.changes_of(regrets(3.0, 3.05, noise=5.0))
    assert flagged(signatures.overfit(noisy, losses((1, 0.5)), **BOUNDS["overfit"])) == [False]  # not clear


def test_regret_that_does_not_fall() -> None:
    learning = list(signatures.flat(signatures.changes_of(regrets(3.0, 3.0, 2.0, 2.0)), **BOUNDS["flat"]))
    assert [row["iteration"] for row in learning] == [2, 3] and flagged(learning) == [False, False]
    assert learning[0]["value"] == pytest.approx(-1, abs=0.05)
    still = signatures.changes_of(regrets(3.0, 2.0, 3.0))  # lower after one iteration, not after two
    assert flagged(signatures.flat(still, **BOUNDS["flat"])) == [True]
    assert flagged(signatures.flat(signatures.changes_of(regrets(3, 2.9, 2.8, noise=5)), **BOUNDS["flat"])) == [True]
    assert flagged(signatures.flat(signatures.changes_of(regrets(3, 3, 2)), fall=2, after=2)) == [True]


def test_a_selection_of_lucky_picks() -> None:
    table = bounded("lucky_selected", [0.1, 0.6]).assign(lucky_all=0.05)
    rows = list(signatures.lucky(table, **BOUNDS["lucky"]))
    assert flagged(rows) == [False, True] and "60% [59%, 61%]" in rows[1]["said"]
    assert [row["method"] for row in rows] == ["rmft", "rmft"]  # a selection is the method's own


def test_changes_are_paired_and_know_their_scenarios() -> None:
    table = signatures.changes_of(regrets(3.0, 2.0, 0.0)).set_index(["iteration", "back"])
    assert table["change"].to_dict() == pytest.approx({(1, 1): -1, (2, 1): -2, (2, 2): -3}, abs=0.05)
    assert (table["change_high"] - table["change_low"] < 0.1).all()  # scenarios differ by 50
    with pytest.raises(ValueError, match="tiny/mab/rmft/0: not all iterations have the same scenarios"):
        signatures.changes_of(regrets(3.0, 2.0)[1:])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = synthetic.write_results(tmp_path_factory.mktemp("signatures"), 12, 4, 5, iterations=2)
    return synthetic.write_tables(results, iterations=2)


def run(folder: Path, output: Path, bounds: dict = BOUNDS) -> int:
    return signatures.main(["--tables", str(folder), "--bounds", json.dumps(bounds), "--output", str(output)])


def test_every_cell_is_checked_once_and_each_flag_is_a_warning(made: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(made, made / "signatures.csv") == 0
    warnings = capsys.readouterr().out.splitlines()
    table = read_table(made, "signatures")
    assert table.columns.tolist() == COLUMNS["signatures"] and not table.isna().any(axis=None)
    assert not table.duplicated([*signatures.CELL, "signature"]).any()
    assert len(warnings) == table["flagged"].sum() > 0 and all(line.startswith("warning: ") for line in warnings)
    runs = synthetic.runs(2)
    bases = {(run["task"], run["seed"]) for run in runs}
    counts = {
        "alike": sum(run["iterations"] - 1 for run in runs)
        + len({(*base, "") for base in bases})
        + 2,  # two of their own
        "degenerate": sum(run["iterations"] for run in runs) + len(bases),
        "overfit": sum(run["iterations"] for run in runs),
        "flat": sum(max(run["iterations"] - 1, 0) for run in runs),
        "lucky": sum(run["iterations"] for run in runs),
    }
    assert table.groupby("signature").size().to_dict() == counts
    text = (made / "signatures.csv").read_bytes()
    assert run(made, made / "again.csv") == 0 and (made / "again.csv").read_bytes() == text


def test_the_summary_says_how_many_are_flagged() -> None:
    table = pd.DataFrame([{**RUN, "iteration": 1, "value": 0.0, "bound": 0.0, "flagged": False, "said": "so"}] * 4)
    table = table.assign(signature=["alike", "flat", "flat", "lucky"])
    assert summary.flags(table) == ["Signs of failure: none in 4 checks (signatures.csv)"]
    some = summary.flags(table.assign(flagged=table["signature"] != "lucky"))
    assert some[0] == "Signs of failure: 1 alike, 2 flat in 4 checks (signatures.csv)"
    assert some[1:] == ["  alike: tiny/mab/rmft/seed0/iter1: so", "  flat: tiny/mab/rmft/seed0/iter1: so"]


def test_bounds_that_lack_a_number_and_tables_that_lack_are_one_line(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(made, tmp_path / "s.csv", BOUNDS | {"lucky": {"share": "half"}}) == 1
    assert capsys.readouterr().err == "signatures: --bounds: lucky.share must be a number\n"
    assert run(tmp_path, tmp_path / "s.csv") == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("name", signatures.LOOKED_AT)
def test_a_table_of_another_time_is_one_line(
    name: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(made, tmp_path / "tables", copy_function=shutil.copyfile)  # without seals
    (tmp_path / "tables" / seals.SUMS).unlink()
    column = signatures.LOOKED_AT[name][-1]
    read_table(made, name).drop(columns=column).to_csv(tmp_path / "tables" / f"{name}.csv", index=False)
    assert run(tmp_path / "tables", tmp_path / "s.csv") == 1
    assert f"{name}.csv: lacks the column {column}; delete it" in capsys.readouterr().err
