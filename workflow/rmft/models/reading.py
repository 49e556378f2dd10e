"""Can a base model read its history? Told to exploit, which arm does it name, after how much has been seen?"""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rmft.core.drifts import reacted
from rmft.core.prompts import Reading
from rmft.core.seeding import generator
from rmft.core.tasks import draw_episodes
from rmft.core.trajectory import realised_means
from rmft.models.crowd import Chat, World

_EPISODES = 250
_BATCH = 250


def _histories(world: World, seen: int) -> tuple[list[Chat], list[Chat], np.ndarray, np.ndarray]:
    """Histories of ``seen`` random actions, in two versions (told to exploit at their end or not), with the arms' average
    reward (-inf where unseen) and mean reward at the next step, each episodes x K."""
    task = world.task
    where = {"split": "reading", "seed": 0, "iteration": 0, "policy": "reading"}
    episodes = draw_episodes(task, **where, scenarios=range(_EPISODES), per_scenario=1)
    actions = generator("reading", task.name, seen).integers(task.arms, size=(_EPISODES, seen))
    pulled = actions[:, :, None] == np.arange(task.arms)
    shown = np.ones_like(pulled) if task.environment == "fol" else pulled
    rewards = realised_means(episodes.rewards[:, :seen], actions, episodes.reaction)
    rewards = rewards * (task.arms if task.shown == "importance_weighted" else 1)  # each arm has a share of 1/K
    counts, sums = shown.sum(axis=1), (shown * rewards).sum(axis=1)
    averages = np.divide(sums, counts, out=np.full(sums.shape, -np.inf), where=counts > 0)
    chats = [_chats(world, *row) for row in zip(actions, rewards, pulled.sum(axis=1), averages, strict=True)]
    not_told, told = zip(*chats, strict=True)
    means = episodes.mean_rewards[:, seen if episodes.mean_rewards.shape[1] > 1 else 0]
    means = reacted(means, actions[:, -1], episodes.reaction)
    return list(told), list(not_told), averages, means


def _chats(
    world: World, actions: np.ndarray, rewards: np.ndarray, pulls: np.ndarray, averages: np.ndarray
) -> tuple[Chat, Chat]:
    """The history as the task's interaction tells it, and with the order to exploit at its end."""
    task, context = world.task, world.context
    if task.interaction == "summary":
        chat, last = [], context.summary(len(actions) + 1, task.horizon, pulls.tolist(), averages.tolist())
    else:
        chat, last = [], context.opening(task.horizon)
        for t, action in enumerate(actions.tolist()):
            chat += [{"role": "user", "content": last}, {"role": "assistant", "content": _reply(world, action)}]
            full = task.environment == "fol"
            last = (
                context.show_all(action, rewards[t].tolist())
                if full
                else context.show(action, float(rewards[t, action]))
            )
    return tuple([*chat, {"role": "user", "content": text}] for text in (last, context.tell_exploit(last)))


def _reply(world: World, action: int) -> str:
    """What a random player says of its action."""
    if world.task.output == "action":
        return world.context.reply("any", action)
    return world.context.reply_shares("any", action, 0.0, [1 / world.task.arms] * world.task.arms)


@torch.inference_mode()
def _answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, chats: list[Chat], world: World, new_tokens: int
) -> np.ndarray:
    """The action (or the likeliest arm) of the greedy reply to each chat; -1 where it cannot be read."""
    actions = []
    for start in range(0, len(chats), _BATCH):
        texts = [
            tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            for chat in chats[start : start + _BATCH]
        ]
        inputs = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
        inputs = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        ids = model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)[:, inputs["input_ids"].shape[1] :]
        actions += [_named(world.context.read(text)) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return np.array(actions)


def _named(reading: Reading | None) -> int:
    if reading is None:
        return -1
    return int(np.argmax(reading.policy)) if reading.policy else reading.action


def read(folder: Path, worlds: list[World], *, new_tokens: int) -> list[dict]:
    """Rows of reading.csv: on each task, after ``steps_seen`` random actions, told to exploit or nothing, the share of
    replies that name the arm of the best average so far (``best_empirical``) and the truly best arm (``best_true``), beside
    chance."""
    model, tokenizer, rows = (
        AutoModelForCausalLM.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
        [],
    )
    for world in worlds:
        task = world.task
        for seen in sorted({task.arms + 1, task.horizon // 2, task.horizon * 3 // 4}):
            told, not_told, averages, means = _histories(world, seen)
            for name, chats in (("exploit", told), ("nothing", not_told)):
                actions = _answers(model, tokenizer, chats, world, new_tokens)
                rows.append(
                    {
                        "task": task.name,
                        "steps_seen": seen,
                        "told": name,
                        "best_empirical": float(np.mean(actions == averages.argmax(axis=1))),
                        "best_true": float(np.mean(actions == means.argmax(axis=1))),
                        "chance": 1 / task.arms,
                        "n": _EPISODES,
                    }
                )
    return rows
