import copy
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from rmft.stages import claims
from rmft.stages.claim_cells import Experiment, cells, command

sys.path.insert(0, str(Path(__file__).parent))
import claims_made

STATED = Path(__file__).parents[2] / "workflow/claims.yaml"
CLAIMS = claims.read_claims(STATED)
EXPERIMENT = Experiment(**claims_made.EXPERIMENT)
MADE = claims_made.tables()
# S1 says that SuffFailFreq rises, C2 that it falls: in made tables it falls.
CELLS = {
    "C1": ("words", "fol"),
    "C2": ("words", "mab"),
    "C3": ("words", "ns"),
    "C4": ("net", "numbers-fol"),
    "C5": ("words", "mab"),
    "C6": ("words", "mab"),
    "C7": ("linear-attention", "theorem"),
    "C8": ("words", "mab"),
    "C9": ("words", "fol"),
    "S1": ("words", "mab"),
    "S2": ("words", "ns"),
}


def judge(made: dict[str, pd.DataFrame], key: str) -> dict:
    """The verdict on a claim alone, in its cell."""
    rows = claims.verdicts({key: CLAIMS[key]}, made, EXPERIMENT)
    return next(row for row in rows if (row["model"], row["task"]) == CELLS[key])


def changed(name: str, column: str, value: object, **where: object) -> dict[str, pd.DataFrame]:
    """The made tables, with a column of some rows replaced; a function of the old values, or a value."""
    table = MADE[name].copy()
    mask = pd.Series(True, index=table.index)
    for key, wanted in where.items():
        mask &= table[key].eq(wanted).fillna(False).astype(bool)
    assert mask.any()
    table[column] = table[column].mask(mask, value(table[column]) if callable(value) else value)
    return MADE | {name: table}


def rising() -> dict[str, pd.DataFrame]:
    """The made tables in which the trained policy of rmft locks in in every episode."""
    return changed("evaluation", "suff_fail", 1, task="mab", method="rmft", iteration=2)


@pytest.mark.parametrize("key", CLAIMS)
def test_each_claim_is_reproduced_where_the_data_say_so(key: str) -> None:
    row = judge(rising() if key == "S1" else MADE, key)
    assert row["verdict"] == "reproduced", row
    assert row["p"] <= row["p_corrected"] <= 0.05 and row["command"] == ""
    assert len(row["parts"]) == (2 if key == "C5" else len(CLAIMS[key]["tests"]))
    assert row["n"] == row["episodes"] * row["seeds"] == (96 if key == "C7" else 2 * claims_made.EPISODES)


def up(values: pd.Series) -> pd.Series:
    return 1.6 * values


POLICY = {"method": "rmft", "iteration": 2, "suite": "in-distribution"}
TURNS = {  # of each test of each claim, what is changed in the data behind it
    "C1 change": ("C1", "growth", "change_high", -0.01, {"task": "fol", "seed": "all"}),
    "C1 beta": ("C1", "growth", "beta_high", 1.01, {"task": "fol", "seed": "all"}),
    "C1 p of beta": ("C1", "growth", "p_sublinear", 0.06, {"task": "fol", "seed": "all"}),
    "C1 p_reg": ("C1", "growth", "p_reg", 0.2, {"task": "fol", "seed": "all"}),
    "C2 regret": ("C2", "evaluation", "regret", up, {"task": "mab", **POLICY}),
    "C2 fails": ("C2", "evaluation", "suff_fail", 1, {"task": "mab", **POLICY}),
    "C2 explores": ("C2", "evaluation", "min_frac", 0.2, {"task": "mab", **POLICY}),
    "C3 growth": ("C3", "growth", "p_change", 0.2, {"task": "ns", "seed": "all"}),
    "C3 regret": ("C3", "evaluation", "regret", up, {"task": "ns", **POLICY}),
    "C4": ("C4", "evaluation", "regret", lambda r: 1.1 * r, {"model": "net", **POLICY}),
    "C4 baseline": ("C4", "evaluation", "regret", lambda r: 0.9 * r, {"method": "hedge-tuned"}),
    "C5": ("C5", "evaluation", "regret", up, {"task": "mab", **POLICY, "suite": "sine"}),
    "C6": ("C6", "reasoning", "change_aligned_all_low", 0.01, {"task": "mab", "seed": "all"}),
    "C6 p": ("C6", "reasoning", "p_change_aligned_all", 0.07, {"task": "mab", "seed": "all"}),
    "C7 error": ("C7", "theorem", "relative_error", lambda r: r + 0.0021, {}),
    "C7 regret": ("C7", "theorem_regret", "difference_low", -0.11, {}),
    "C8 summary": ("C8", "evaluation", "regret", lambda r: 0.5 * r, {"task": "mab-summary", **POLICY}),
    "C8 shares": ("C8", "evaluation", "regret", lambda r: 0.5 * r, {"task": "mab-shares", **POLICY}),
    "C9 once": (
        "C9",
        "evaluation",
        "regret",
        lambda r: 0.7 * r,
        {"task": "fol", "method": "rmft-once", "iteration": 2},
    ),
    "C9 reward": (
        "C9",
        "evaluation",
        "regret",
        lambda r: 0.6 * r,
        {"task": "fol", "method": "reward-k", "iteration": 2},
    ),
    "C9 words": (
        "C9",
        "evaluation",
        "regret",
        lambda r: 0.6 * r,
        {"task": "fol", "method": "rmft-answers", "iteration": 2},
    ),
    "S1 fails": ("S1", "evaluation", "suff_fail", 0, {"task": "mab", **POLICY}),
    "S1 lucky": ("S1", "selection", "lucky_selected_low", 0.29, {"task": "mab", "seed": "all"}),
    "S2 regret": (
        "S2",
        "evaluation",
        "regret",
        lambda r: 2 * r,
        {"task": "ns", "method": "rmft-information", "iteration": 2},
    ),
    "S2 fails": ("S2", "evaluation", "suff_fail", 1, {"task": "ns", "method": "rmft-information", "iteration": 2}),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_verdict_turns_with_the_data_behind_it(name: str) -> None:
    key, table, column, value, where = TURNS[name]
    made = changed(table, column, value, **where)
    if key == "S1" and table == "selection":
        made |= {"evaluation": rising()["evaluation"]}
    row = judge(made, key)
    assert row["verdict"] == "not reproduced" and row["why"], row


@pytest.mark.parametrize(
    ("key", "table", "where"),
    [
        ("C2", "evaluation", {"method": "rmft", "task": "mab", "iteration": 2}),
        ("C4", "evaluation", {"method": "ftrl-l2-tuned"}),
        ("C5", "evaluation", {"suite": "sine", "iteration": 2}),
        ("C8", "evaluation", {"task": "mab-shares"}),
        ("C9", "evaluation", {"task": "fol", "method": "reward-k"}),
        ("C1", "growth", {"task": "fol"}),
        ("C6", "reasoning", {"task": "mab"}),
        ("S1", "selection", {"task": "mab"}),
    ],
)
def test_what_lacks_a_part_is_not_run(key: str, table: str, where: dict) -> None:
    rows = MADE[table]
    keep = ~pd.concat([rows[k].eq(v).fillna(False).astype(bool) for k, v in where.items()], axis=1).all(axis=1)
    row = judge(MADE | {table: rows[keep]}, key)
    assert row["verdict"] == "not run" and row["n"] == 0 and row["p"] is None
    assert row["command"].startswith("snakemake ")


def test_a_table_that_is_not_there_leaves_its_claims_alone_not_run() -> None:
    made = {name: table for name, table in MADE.items() if name != "reasoning"}
    assert judge(made, "C6")["verdict"] == "not run" and judge(made, "C9")["verdict"] == "reproduced"


def test_no_verdict_depends_on_a_model_that_was_not_run() -> None:
    """With the rows of other models gone or spoilt, a model's verdicts before correction are the same."""
    only = MADE | {"evaluation": MADE["evaluation"].query("model == 'words'")}
    own = [row for row in claims.verdicts(CLAIMS, only, EXPERIMENT) if row["model"] == "words"]
    other = {row["id"]: row["verdict"] for row in claims.verdicts(CLAIMS, only, EXPERIMENT) if row["model"] != "words"}
    before = [row for row in claims.verdicts(CLAIMS, MADE, EXPERIMENT) if row["model"] == "words"]
    keys = ("id", "task", "effect", "low", "high", "p")
    assert [[r[k] for k in keys] for r in own] == [[r[k] for k in keys] for r in before]
    assert other["C4"] == "not run" and {r["verdict"] for r in before if r["p"] is None} == {"not run"}


def test_p_is_corrected_for_the_verdicts_that_were_run() -> None:
    rows = [row for row in claims.verdicts(CLAIMS, MADE, EXPERIMENT) if row["verdict"] != "not run"]
    least = min(rows, key=lambda row: row["p"])
    assert least["p_corrected"] == pytest.approx(len(rows) * least["p"])
    weak = changed("growth", "p_change", 0.04, task="fol", seed="all")
    assert judge(weak, "C1")["verdict"] == "reproduced"  # alone
    among = next(r for r in claims.verdicts(CLAIMS, weak, EXPERIMENT) if r["id"] == "C1" and r["task"] == "fol")
    assert among["verdict"] == "not reproduced" and "corrected" in among["why"]


def test_twins_and_cells() -> None:
    assert {(c.model, c.task) for c in cells(CLAIMS["C8"], EXPERIMENT)} == {("words", "mab")}
    assert [c.twins for c in cells(CLAIMS["C8"], EXPERIMENT)] == [("mab-summary", "mab-shares")]
    assert {c.task for c in cells(CLAIMS["C5"], EXPERIMENT)} == {"mab"}  # no other has suites
    bare = copy.deepcopy(claims_made.EXPERIMENT)
    bare["tasks"]["ns"]["drift"] = {
        "kind": "sine",
        "amplitude": 0.2,
        "period": 10,
    }  # of which nobody knows the posterior
    assert "ns" not in {c.task for c in cells(CLAIMS["S2"], Experiment(**bare))}


def wanted(key: str, model: str, task: str) -> tuple[str, dict]:
    """The command of a cell, and what it lays over ``run``."""
    cell = next(c for c in cells(CLAIMS[key], EXPERIMENT) if (c.model, c.task) == (model, task))
    said = command(CLAIMS[key], cell, EXPERIMENT)
    laid = re.search(r"'run(?:=|: )(.*?)' ", said)
    return said, yaml.safe_load(laid[1]) if laid else {}


def test_commands_add_the_cell_to_what_is_selected() -> None:
    assert wanted("C2", "words", "mab") == ("snakemake --cores all -- results/claims.json", {})
    said, run = wanted("C8", "words", "mab")
    assert run["tasks"] == ["mab", "fol", "ns", "mab-summary", "mab-shares"] and said.startswith(
        "snakemake --cores all "
    )
    assert run["instead"]["mab-shares"] == {"methods": ["rmft"]}
    _, run = wanted("C9", "words", "fol")
    assert run == {"instead": {"fol": {"methods": ["rmft", "rmft-once", "reward-k", "rmft-answers"]}}}
    said, run = wanted("C5", "huge", "mab")
    assert (
        said.startswith("echo 'run: {") and " > more.yaml && snakemake --profile slurm --configfile more.yaml" in said
    )
    assert run == {"instead": {"mab": {"models": ["words", "huge"]}}, "suites": {"mab": ["sine", "horizon-2x"]}}


def test_the_program_writes_both_files_and_the_same_bytes(tmp_path: Path) -> None:
    flags = ["--claims", str(STATED), *claims_made.write(tmp_path, MADE)]
    assert claims.main(flags) == 0
    said, page = (tmp_path / "claims.json").read_text(), (tmp_path / "claims.md").read_text()
    rows = json.loads(said)
    needed = {"id", "claim", "model", "task", "verdict", "effect", "low", "high", "n", "test"}
    assert all(needed <= row.keys() for row in rows)
    assert {row["id"] for row in rows} == set(CLAIMS)
    for row in rows:
        assert f"| {row['id']} | {row['model']}, {row['task']} |" in page
        assert bool(row["command"]) == (row["verdict"] == "not run")
        assert row["command"] in page
    assert claims.main(flags) == 0 and (tmp_path / "claims.json").read_text() == said


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c["C1"]["tests"][0].update(direction="under"), "C1.tests.0.direction: must be one of below, above"),
        (lambda c: c["C1"].update(threshhold=1), "C1.threshhold: unknown key"),
        (lambda c: c["C1"]["tests"][0].update(threshold="5%"), "C1.tests.0.threshold: must be of type number"),
        (lambda c: c["C1"]["cells"].update(method="rmtf"), "C1: no method rmtf in the config; did you mean rmft?"),
        (lambda c: c["C1"]["cells"].pop("method"), "C1.cells: lacks method; add it"),
        (lambda c: c["C2"]["tests"][0].update(metric="regrets"), "evaluation.csv: lacks the column regrets"),
        (lambda c: c["C4"]["tests"][0]["against"].update(baselines=["hedge"]), "C4: no baseline hedge in the config"),
    ],
)
def test_a_wrong_claim_is_one_line(edit, said: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    stated = copy.deepcopy(CLAIMS)
    edit(stated)
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(stated, sort_keys=False))
    assert claims.main(["--claims", str(tmp_path / "claims.yaml"), *claims_made.write(tmp_path, MADE)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error
    assert not (tmp_path / "claims.json").exists()


def test_episodes_that_differ_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rows = MADE["evaluation"]
    made = MADE | {"evaluation": rows[~((rows["iteration"] == 2) & (rows["episode"] == 7)).fillna(False)]}
    assert claims.main(["--claims", str(STATED), *claims_made.write(tmp_path, made)]) == 1
    assert "episodes of rmft and the base policy differ; make it again" in capsys.readouterr().err
