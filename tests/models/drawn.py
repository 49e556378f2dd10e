"""Episodes: drawn for a crowd, or some of them in another order."""

from dataclasses import replace

from rmft.core.tasks import Episodes, draw_episodes
from rmft.models.crowd import World


def draw(world: World, episodes: int) -> Episodes:
    """So many scenarios, each once."""
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "crowd"}
    return draw_episodes(world.task, **where, scenarios=range(episodes), per_scenario=1)


def rows(episodes: Episodes, order: list[int]) -> Episodes:
    """Some of the episodes, in this order."""
    lists = {name: [getattr(episodes, name)[i] for i in order] for name in ("scenario_ids", "trajectory_ids")}
    arrays = {name: getattr(episodes, name)[order] for name in ("mean_rewards", "rewards", "seeds")}
    return replace(episodes, **lists, **arrays)
