"""The theory's stages, as programs: their tables, and what they refuse."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rmft.stages import theorem, theorem_limit, theorem_policies, theory_tables
from rmft.stages.table_columns import THEORY

TRAINING = {"seeds": [0], "width": 2, "steps": 200, "batch": 128, "learning_rate": 0.01, "episodes": 64}
GRID = {"horizons": [5], "scales": [2.0], "covariances": ["isotropic", "graded"], "radius": 1.0, **TRAINING}
LIMIT = {"arms": 2, "horizon": 5, "trajectories": {"trajectory": [2, 64]}, "exponents": [0.0, 0.5], **TRAINING}
POLICIES = {"arms": 2, "horizon": 5, **TRAINING}
THEOREM = ("theorem", "theorem_training", "theorem_matrices", "theorem_regret")


def rows(path: Path) -> list[dict]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


def paths(folder: Path, *names: str) -> list[str]:
    return [str(folder / f"{name}.csv") for name in names]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each stage once, on a small grid."""
    out = tmp_path_factory.mktemp("theory")
    argv = ["--space", "simplex", "--arms", "2", "--grid", json.dumps(GRID), "--output", *paths(out, *THEOREM)]
    assert theorem.main(argv) == 0
    argv = ["--space", "ball", "--grid", json.dumps(LIMIT), "--output", *paths(out, "theorem_limit")]
    assert theorem_limit.main(argv) == 0
    model = json.dumps({"name": "linear", "architecture": "linear", "width": 2})
    files = paths(out, "theorem_policies", "theorem_distances")
    argv = ["--space", "ball", "--model", model, "--grid", json.dumps(POLICIES), "--output", *files]
    assert theorem_policies.main(argv) == 0
    return out


def test_the_read_out_is_near_the_closed_form(run: Path) -> None:
    found = rows(run / "theorem.csv")
    assert [row["covariance"] for row in found] == ["isotropic", "graded"]
    for row in found:
        assert float(row["relative_error"]) < 0.05
        assert float(row["eta_learnt"]) == pytest.approx(float(row["eta_closed_form"]), rel=0.05)
        assert float(row["off_structure"]) < 0.05
    assert {"space", "d", "T", "s", "seed"} <= found[0].keys()


def test_matrices_training_and_regret_belong_to_the_same_runs(run: Path) -> None:
    matrices, curve, regret = (rows(run / f"theorem_{name}.csv") for name in ("matrices", "training", "regret"))
    assert len(matrices) == 2 * 4
    last = {row["covariance"]: row["relative_error"] for row in curve if row["step"] == "200"}
    assert last == {row["covariance"]: row["relative_error"] for row in rows(run / "theorem.csv")}
    for row in regret:
        assert abs(float(row["difference"])) < 0.05 * float(row["ftrl"])
        assert float(row["difference_low"]) <= float(row["difference"]) <= float(row["difference_high"])


def test_more_trajectories_come_nearer(run: Path) -> None:
    found = rows(run / "theorem_limit.csv")
    assert [(row["L"], row["k"]) for row in found] == [("2", "1"), ("2", "1"), ("64", "1"), ("64", "8")]
    errors = [float(row["relative_error"]) for row in found]
    assert errors[0] > 0.4 > errors[3] > errors[2]


def test_yardsticks_stand_beside_linear_attention(run: Path) -> None:
    found = {row["policy"]: row for row in rows(run / "theorem_policies.csv")}
    assert list(found) == ["linear", "ftrl", "foresight"]
    assert float(found["ftrl"]["to_ftrl"]) == float(found["foresight"]["to_foresight"]) == 0
    assert float(found["linear"]["to_ftrl"]) < 0.1 < float(found["linear"]["to_foresight"])
    assert float(found["foresight"]["loss"]) < float(found["ftrl"]["loss"])
    assert len(rows(run / "theorem_distances.csv")) == 3 * 5


def test_tables_are_put_together_in_order(run: Path, tmp_path: Path) -> None:
    part, out = str(run / "theorem.csv"), tmp_path / "theorem.csv"
    assert theory_tables.main(["--parts", part, part, "--output", str(out)]) == 0
    assert rows(out) == 2 * rows(run / "theorem.csv")


def first(line: str, text: str) -> str:
    """A table's text with another first row."""
    head, old, *rest = text.splitlines(keepends=True)
    return "".join([head, line.format(*old.split(",", 1)), *rest])


BROKEN = {
    "empty": (lambda text: "", "is empty"),
    "head": (lambda text: text.splitlines(keepends=True)[0], "holds no row"),
    "cut off": (lambda text: text[:-3], "ends within a line"),
    "a column": (lambda text: text.replace("off_structure", "colour", 1), "lacks the column off_structure"),
    "a cell": (lambda text: first("{1}", text), "row 0, column seed: "),
    "a word": (lambda text: first("{0},wörd{1}", text), "row 0, column d: 'wörd2' is no finite number"),
    "nothing": (lambda text: first(",{1}", text), "row 0, column space: holds nothing"),
    "a number": (lambda text: text.replace("isotropic,0,", "isotropic,nan,"), "row 0, column seed: 'nan' is no seed"),
    "a row twice": (
        lambda text: text + text.splitlines(keepends=True)[1],
        "row 2 stands twice, by space, d, T, s, covariance, seed",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_part_is_refused_by_name(how: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    broken, (change, said) = tmp_path / "cell/theorem.csv", BROKEN[how]
    broken.parent.mkdir()
    broken.write_text(change((run / "theorem.csv").read_text()), encoding="utf-8")
    argv = ["--parts", str(run / "theorem.csv"), str(broken), "--output", str(tmp_path / "theorem.csv")]
    assert theory_tables.main(argv) == 1
    error = capsys.readouterr().err
    assert str(broken) in error and said in error and error.count("\n") == 1
    assert not (tmp_path / "theorem.csv").exists()


def test_a_part_cut_off_after_a_line_is_refused(run: Path, tmp_path: Path, stage: Callable) -> None:
    """By the list of sums, as a copy has no seal."""
    for name in ("theorem_policies.csv", "theorem_distances.csv", "SHA256SUMS"):
        shutil.copyfile(run / name, tmp_path / name)
    part, made = tmp_path / "theorem_distances.csv", tmp_path / "all/theorem_distances.csv"
    assert stage("theory_tables", parts=part, output=made).status == 0
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:-1]))
    assert "theorem_distances.csv: is not what was written" in stage("theory_tables", parts=part, output=made).complaint


def test_all_columns_are_declared(run: Path) -> None:
    for name, (keys, values) in THEORY.items():
        assert [*rows(run / f"{name}.csv")[0]] == [*keys, *values]


def test_a_grid_that_lacks_a_key_and_a_wrong_output_are_refused(tmp_path: Path, stage: Callable) -> None:
    ended = stage("theorem_limit", space="ball", grid={"arms": 2}, output=tmp_path / "theorem_limit.csv")
    assert ended.complaint.startswith("theorem_limit: --grid: must be a mapping with horizon")
    ended = stage("theory_tables", parts=tmp_path / "none.csv", output=tmp_path / "x.csv")
    assert "none.csv" in ended.complaint
