import pytest

from rmft.core.tasks import Task, task_from_config
from rmft.core.tuning import candidates, mean_regret, tuned

HEDGE = {"policy": "hedge", "eta": 2.0, "tune": [0.01, 1, 4]}


@pytest.fixture(scope="module")
def online() -> Task:
    entry = {"environment": "fol", "arms": 2, "horizon": 25, "context": "buttons"}
    means, rewards = {"kind": "uniform", "low": 0.0, "high": 1.0}, {"kind": "gaussian", "noise": 0.5}
    return task_from_config("online", entry | {"means": means, "rewards": rewards})


def test_factors_multiply_the_constant_and_nothing_else() -> None:
    assert candidates(HEDGE) == [{"policy": "hedge", "eta": eta} for eta in (0.02, 2.0, 8.0)]
    assert candidates({"policy": "ftpl", "scale": 3, "tune": [2, 1]})[0] == {"policy": "ftpl", "scale": 6}
    assert candidates({"policy": "random"}) == [{"policy": "random"}]
    with pytest.raises(ValueError, match="tune: needs one of eta, scale, constant, which random has not"):
        candidates({"policy": "random", "tune": [1, 2]})


def test_the_least_mean_regret_wins(online: Task) -> None:
    entry, grid = tuned(HEDGE, online, 2000)
    assert entry == {"policy": "hedge", "eta": 8.0}  # means that differ: the sharper, the better
    assert [one["regret"] for one in grid] == [mean_regret(one["entry"], online, 2000) for one in grid]
    assert grid[0]["regret"] > 3 * grid[2]["regret"]
    assert tuned({"policy": "random"}, online) == ({"policy": "random"}, [])
