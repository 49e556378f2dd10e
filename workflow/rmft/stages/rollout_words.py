"""How a language model plays a chunk of episodes: dialogues of T steps. Imported by name (rmft.stages.rollout)."""

import json
from argparse import Namespace
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Trajectory, realised_means
from rmft.models.base import FreeEngine
from rmft.models.chat import renderer
from rmft.models.dialogue import begins_anew, play
from rmft.models.engines import engine_of
from rmft.models.policy import Policy, load_tokenizer
from rmft.models.speech import speech_from_config
from rmft.models.teacher import Teacher, replies
from rmft.stages import files, program

_GENERATION = ("temperature", "max_new_tokens")


def player(policy: Policy, args: Namespace) -> Callable[[Task, Context, Episodes, dict], pa.Table]:
    """What plays episodes of a task in the words of its context and makes rows of them; ``args`` are the stage's."""
    try:
        sampling = program.entry(args.sampling, "--sampling", *_GENERATION, "max_reasks")
    except ValueError as error:
        raise ValueError(f"{args.policy}: plays in words, and {error}; one of the two is of another cell") from None
    teacher = program.entry(args.teacher, "--teacher", "policy") if args.teacher else None
    speech = speech_from_config(program.entry(args.model, "--model"))
    engine = None if teacher else engine_of(policy, speech, **{key: sampling[key] for key in _GENERATION})
    render = renderer(tokenizer := load_tokenizer(policy) if teacher else engine.tokenizer, speech)

    def rows(task: Task, context: Context, episodes: Episodes, common: dict) -> pa.Table:
        texts = replies(teacher, task, context, episodes) if teacher else []
        speaks = Teacher(texts, tokenizer, render.end_id) if teacher else engine
        records = play(speaks, render, context, task, episodes, max_reasks=sampling["max_reasks"])
        if again := sum(record.tokens_again for record in records):
            share = again / sum(len(record.token_ids) for record in records)
            print(f"rollout: history strip: {share:.0%} of all tokens were processed before ({again})", flush=True)
        table = _table(records, episodes, common, many=begins_anew(task, render))
        return table.replace_schema_metadata(speaks.played_by) if isinstance(speaks, FreeEngine) else table

    return rows


def _table(records: list[Trajectory], episodes: Episodes, common: dict, *, many: bool) -> pa.Table:
    """Rows of the records. ``many``: their conversations may be many."""
    means = realised_means(episodes.mean_rewards, np.array([record.actions for record in records]), episodes.reaction)
    rows = [
        {
            **vars(record),
            **common,
            "mean_rewards": mean.tolist(),
            "messages": json.dumps(record.chats if many else record.chats[0]),
            "tokens_prompt": len(record.token_ids) - sum(record.loss_mask),
            "tokens_sampled": sum(record.loss_mask),
        }
        for record, mean in zip(records, means, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=files.HELDOUT)
