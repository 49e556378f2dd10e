"""How a network with numbers in and out plays a chunk of episodes. Imported by name (rmft.stages.rollout)."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import COMPLETE
from rmft.models.numbers import Exploration, load, play
from rmft.models.policy import Policy
from rmft.stages import files, program


def player(policy: Policy, args: Namespace) -> Callable[[Task, Context, Episodes, dict], pa.Table]:
    """What plays episodes of a task and makes rows of them; ``args`` are the stage's. Words are not its matter."""
    if args.teacher:
        raise ValueError("--teacher: speaks in words, which a numeric policy does not learn; leave the flag out")
    network = load(Path(policy.model))
    exploration = explored(program.entry(args.sampling, "--sampling"), policy.iteration)

    def rows(task: Task, context: Context, episodes: Episodes, common: dict) -> pa.Table:
        try:
            did, size = play(network, task, episodes, exploration), len(episodes)
        except ValueError as error:
            raise ValueError(f"{args.policy}: {error}; delete it and run the same command again") from None
        empty = [[]] * size
        columns = {
            "trajectory_id": episodes.trajectory_ids,
            "scenario_id": episodes.scenario_ids,
            "episode_seed": episodes.seeds,
            **{name: [value] * size for name, value in common.items()},
            "actions": files.lists(did.actions),
            "policies": files.lists(did.policies),
            "rewards": files.lists(did.rewards),
            "reward_vectors": empty if did.vectors is None else files.lists(did.vectors),
            "mean_rewards": files.lists(did.means),
            "parse_status": [["ok"] * task.horizon] * size,
            "messages": ["[]"] * size,
            **dict.fromkeys(("chat_tokens", "token_ids", "loss_mask"), empty),
            "status": [COMPLETE] * size,
            **dict.fromkeys(("tokens_prompt", "tokens_sampled"), np.zeros(size, np.int32)),
        }
        return pa.table({name: columns[name] for name in files.HELDOUT.names}, schema=files.HELDOUT)

    return rows


def explored(sampling: dict, iteration: int) -> Exploration | None:
    """The noise of an iteration, ``scale`` times ``decay`` to its power or ``least``; None where the sampling names none."""
    if not (noise := sampling.get("exploration")):
        return None
    return Exploration(max(noise["scale"] * noise["decay"] ** iteration, noise["least"]), noise["per"])
