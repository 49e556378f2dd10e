"""How a closed model plays a chunk of episodes, by its provider's API. Imported by name (rmft.stages.rollout)."""

import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from rmft.core.probes import Histories
from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Trajectory, realised_means
from rmft.models.openai_buyer import Buyer
from rmft.models.openai_play import Played, play
from rmft.models.openai_requests import Speaker
from rmft.models.openai_terms import served_from_config
from rmft.models.policy import Policy
from rmft.models.probing import asked, whole
from rmft.stages import files, program
from rmft.stages.account import account_of, purchaser


def buyer(policy: Policy, args: Namespace) -> Buyer:
    """Who buys the policy's replies: ``--model`` says who serves it, the account's bill on which terms."""
    entry = program.entry(args.model, "--model", "model", "base_url", "account", "max_new_tokens")
    sampling = program.entry(args.sampling, "--sampling", "temperature")
    served = replace(served_from_config(entry), model=policy.model)
    account, terms = account_of(entry["account"])
    tuned = policy.iteration > 0
    speaker = Speaker(served, terms, tuned, sampling["temperature"], entry["max_new_tokens"])
    return Buyer(speaker, account, purchaser(args.output))


def player(policy: Policy, args: Namespace) -> Callable[[Task, Context, Episodes, dict], pa.Table]:
    """What plays episodes of a task in the words of its context and makes rows of them; ``args`` are the stage's."""
    reasks = program.entry(args.sampling, "--sampling", "max_reasks")["max_reasks"]
    if args.teacher:
        raise ValueError("--teacher: its replies have no tokens here; a closed model has no method with a teacher")
    buys = buyer(policy, args)

    def rows(task: Task, context: Context, episodes: Episodes, common: dict) -> pa.Table:
        return _table(play(buys, context, task, episodes, max_reasks=reasks), episodes, task, common)

    return rows


def asker(policy: Policy, args: Namespace) -> Callable[..., list[Trajectory]]:
    """What asks a policy on histories of a task (rmft.stages.probe)."""
    buys = buyer(policy, args)

    def asks(context: Context, task: Task, histories: Histories, *, replies: int) -> list[Trajectory]:
        what = asked(context, task, histories, replies=replies)
        played = play(buys, what.context, what.task, what.episodes, max_reasks=0, given=what.given)
        return whole([one.record for one in played], what.task)

    return asks


def _table(played: list[Played], episodes: Episodes, task: Task, common: dict) -> pa.Table:
    """The rows: no token ids, and the tokens that the provider counted, those of the history again at each step."""
    actions = np.array([one.record.actions for one in played])
    means = realised_means(episodes.mean_rewards, actions, episodes.reaction)
    rows = [
        {
            **vars(one.record),
            **common,
            "mean_rewards": mean.tolist(),
            "messages": json.dumps(
                one.record.chats if task.interaction == "summary" else next(iter(one.record.chats), [])
            ),
            "tokens_prompt": one.prompt,
            "tokens_sampled": one.sampled,
        }
        for one, mean in zip(played, means, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=files.HELDOUT)
