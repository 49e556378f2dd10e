"""The best constant of a baseline: several are tried on scenarios that nothing trains on and nothing is judged on."""

from rmft.core.policies import play
from rmft.core.regret import regret
from rmft.core.tasks import Task, draw_episodes

CONSTANTS = ("eta", "scale", "constant")  # what ``tune`` multiplies, by the families' own names
SCENARIOS = 4096


def candidates(entry: dict) -> list[dict]:
    """The entries that a config entry stands for: its constant times each factor of ``tune``; itself without that key.

    Raises ValueError, naming the key, where it has no constant to tune.
    """
    plain = {key: value for key, value in entry.items() if key != "tune"}
    if "tune" not in entry:
        return [plain]
    if not (name := next((key for key in CONSTANTS if key in entry), None)):
        raise ValueError(f"tune: needs one of {', '.join(CONSTANTS)}, which {entry['policy']} has not")
    return [plain | {name: entry[name] * factor} for factor in entry["tune"]]


def mean_regret(entry: dict, task: Task, scenarios: int = SCENARIOS) -> float:
    """Mean regret on the tuning scenarios, one episode on each."""
    where = {"split": "tuning", "seed": 0, "iteration": 0, "policy": "tuning"}
    episodes = draw_episodes(task, **where, scenarios=range(scenarios), per_scenario=1)
    return float(regret(task.environment, play(entry, task, episodes)).mean())


def tuned(entry: dict, task: Task, scenarios: int = SCENARIOS) -> tuple[dict, list[dict]]:
    """The entry of the least mean regret, and all that were tried; of an entry without ``tune``, itself and none."""
    tried = candidates(entry)
    if len(tried) == 1:
        return tried[0], []
    grid = [{"entry": one, "regret": mean_regret(one, task, scenarios)} for one in tried]
    return min(grid, key=lambda one: one["regret"])["entry"], grid
