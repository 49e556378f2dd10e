"""Policies against each other on the same scenarios."""

import numpy as np
import pandas as pd
import pytest

from rmft.stages.tables_comparisons import METRICS, comparisons, pairs

BASE = ("base", 0)
WHERE = {"model": "m", "task": "t", "suite": "in-distribution", "kind": "policy"}


def episodes(regrets: dict[tuple[str, int], float], seeds: int = 2, size: int = 12) -> pd.DataFrame:
    """Episodes of policies whose regret is a known number above a scenario's own."""
    rows = [
        {
            **WHERE,
            "method": method,
            "seed": str(seed),
            "iteration": t,
            "scenario_id": f"s{i}",
            "regret": i + seed + level,
        }
        for (method, t), level in regrets.items()
        for seed in range(seeds)
        for i in range(size)
    ]
    return pd.DataFrame(rows).assign(suff_fail=0, min_frac=0.5)


def test_each_method_meets_the_base_policy_the_one_before_and_the_others() -> None:
    assert pairs({"a": 1}) == [(("a", 1), BASE)]
    assert pairs({"a": 2}) == [(("a", 2), BASE), (("a", 2), ("a", 1))]
    assert pairs({"a": 2, "b": 2})[-1] == (("a", 2), ("b", 2))
    assert pairs({"a": 3, "once": 1})[-2:] == [(("a", 1), ("once", 1)), (("a", 3), ("once", 1))]


def test_known_differences() -> None:
    levels = {("a", 0): 4, ("a", 1): 3, ("a", 2): 1, ("b", 0): 4, ("b", 1): 4, ("b", 2): 2}
    table = comparisons(episodes(levels))
    assert len(table) == 5 * len(METRICS)
    found = table[table["metric"] == "regret"].set_index(["method", "iteration", "against", "against_iteration"])
    expected = {
        ("a", 2, *BASE): -3,
        ("b", 2, *BASE): -2,
        ("a", 2, "a", 1): -2,
        ("b", 2, "b", 1): -2,
        ("a", 2, "b", 2): -1,
    }
    assert found["difference"].to_dict() == expected
    assert found[["low", "high"]].to_numpy() == pytest.approx(found[["difference"]].to_numpy().repeat(2, 1))  # paired
    assert set(found["p"]) == {2 / 2**12} and set(found["episodes"]) == {12} and set(found["seeds"]) == {2}
    rest = table[table["metric"] != "regret"]
    assert (rest["difference"] == 0).all() and (rest["p"] == 1).all()


def test_the_other_way_round_is_the_same_with_another_sign() -> None:
    rng = np.random.default_rng(0)
    rows = episodes({("a", 0): 0, ("a", 1): 0, ("b", 0): 0, ("b", 1): 0}, size=40)
    rows = rows.assign(regret=rows["regret"] + rng.normal(size=len(rows)) * (rows["iteration"] > 0))
    swapped = pd.concat([rows[rows["method"] == "b"], rows[rows["method"] == "a"]])
    one, other = (
        comparisons(table).query("metric == 'regret' and against != 'base'").iloc[0] for table in (rows, swapped)
    )
    assert one["difference"] == pytest.approx(-other["difference"]) and one["p"] == other["p"]
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))


def test_other_suites_tasks_and_baselines_stand_apart() -> None:
    rows = episodes({("a", 0): 4, ("a", 1): 3})
    baseline = rows.assign(method="ucb", kind="baseline", iteration=pd.NA, seed="all", model="")
    table = comparisons(pd.concat([rows, rows.assign(suite="sine", regret=0), baseline], ignore_index=True))
    assert len(table) == 2 * len(METRICS) and set(table["method"]) == {"a"}
    assert table.query("metric == 'regret'").set_index("suite")["difference"].to_dict() == {
        "in-distribution": -1,
        "sine": 0,
    }


def test_other_scenarios_are_refused() -> None:
    rows = episodes({("a", 0): 4, ("a", 1): 3})
    rows.loc[rows.index[-1], "scenario_id"] = "another"
    with pytest.raises(ValueError, match="not evaluated on the same scenarios"):
        comparisons(rows)
