"""How a language model plays a chunk of episodes: dialogues of T steps. Imported by name (rmft.stages.rollout)."""

import json
from argparse import Namespace
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Trajectory, realised_means
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.policy import Policy, load_tokenizer
from rmft.models.teacher import Teacher, replies
from rmft.models.transformers_engine import TransformersEngine
from rmft.stages import files, program

_GENERATION = ("temperature", "max_new_tokens")


def player(policy: Policy, args: Namespace) -> Callable[[Task, Context, Episodes, dict], pa.Table]:
    """What plays episodes of a task in the words of its context and makes rows of them; ``args`` are the stage's."""
    sampling = program.entry(args.sampling, "--sampling", *_GENERATION, "max_reasks")
    teacher = program.entry(args.teacher, "--teacher", "policy") if args.teacher else None
    engine = None if teacher else TransformersEngine.of(policy, **{key: sampling[key] for key in _GENERATION})
    tokenizer = load_tokenizer(policy) if teacher else engine.tokenizer
    render = renderer(tokenizer)

    def rows(task: Task, context: Context, episodes: Episodes, common: dict) -> pa.Table:
        speaks = Teacher(replies(teacher, task, context, episodes), tokenizer) if teacher else engine
        records = play(speaks, render, context, task, episodes, max_reasks=sampling["max_reasks"])
        return _table(records, episodes, task, common)

    return rows


def _table(records: list[Trajectory], episodes: Episodes, task: Task, common: dict) -> pa.Table:
    means = realised_means(episodes.mean_rewards, np.array([record.actions for record in records]), episodes.reaction)
    rows = [
        {
            **vars(record),
            **common,
            "mean_rewards": mean.tolist(),
            "messages": json.dumps(record.chats[0] if task.interaction != "summary" else record.chats),
            "tokens_prompt": len(record.token_ids) - sum(record.loss_mask),
            "tokens_sampled": sum(record.loss_mask),
        }
        for record, mean in zip(records, means, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=files.HELDOUT)
