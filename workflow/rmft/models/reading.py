"""Can a base model read its history? Told to exploit, which arm does it name, after how much has been seen?"""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rmft.core.prompts import Context
from rmft.core.seeding import generator

_EPISODES = 500


def _histories(context: Context, horizon: int, seen: int, prior: dict, rng: np.random.Generator) -> tuple:
    """Dialogues of ``seen`` random choices, in two versions (told to exploit at their end or not), with the arms' average
    reward (-inf where untried) and true mean, each episodes x K."""
    arms = len(context.arm_names)
    means = rng.uniform(prior["low"], prior["high"], (_EPISODES, arms))
    actions = rng.integers(arms, size=(_EPISODES, seen))
    rewards = np.take_along_axis(means, actions, axis=1) + prior["noise"] * rng.standard_normal(actions.shape)
    pulled = actions[:, :, None] == np.arange(arms)
    with np.errstate(invalid="ignore"):
        averages = np.where(
            pulled.any(axis=1), (pulled * rewards[:, :, None]).sum(axis=1) / pulled.sum(axis=1), -np.inf
        )
    told = [_chat(context, horizon, a, r, exploit=True) for a, r in zip(actions, rewards, strict=True)]
    not_told = [_chat(context, horizon, a, r, exploit=False) for a, r in zip(actions, rewards, strict=True)]
    return told, not_told, averages, means


def _chat(
    context: Context, horizon: int, actions: np.ndarray, rewards: np.ndarray, *, exploit: bool
) -> list[dict[str, str]]:
    chat = [{"role": "user", "content": context.opening(horizon)}]
    for t, (action, reward) in enumerate(zip(actions.tolist(), rewards.tolist(), strict=True)):
        shown = context.show(action, reward)
        if exploit and t + 1 == len(actions):
            shown = context.tell_exploit(shown)
        chat += [{"role": "assistant", "content": context.reply("any", action)}, {"role": "user", "content": shown}]
    return chat


@torch.inference_mode()
def _answers(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, chats: list, context: Context) -> np.ndarray:
    """The action of the greedy reply to each chat; -1 where it cannot be read."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]
    inputs = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt")
    inputs = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    ids = model.generate(**inputs, max_new_tokens=24, do_sample=False)[:, inputs["input_ids"].shape[1] :]
    actions = [context.parse(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return np.array([-1 if action is None else action for action in actions])


def read(folder: Path, entry: dict, context: Context) -> list[dict]:
    """Rows of reading.csv: after ``steps_seen`` random choices, told to exploit or nothing, the share of replies that name
    the arm of the best average so far (``best_empirical``) and the truly best arm (``best_true``), beside chance."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    crowd, rows = entry["crowd"], []
    for seen in sorted({crowd["arms"] + 1, crowd["horizon"] // 2, crowd["horizon"] * 3 // 4}):
        rng = generator("reading", entry["seed"], seen)
        told, not_told, averages, means = _histories(context, crowd["horizon"], seen, crowd, rng)
        for name, chats in (("exploit", told), ("nothing", not_told)):
            actions = _answers(model, tokenizer, chats, context)
            rows.append(
                {
                    "steps_seen": seen,
                    "told": name,
                    "best_empirical": float(np.mean(actions == averages.argmax(axis=1))),
                    "best_true": float(np.mean(actions == means.argmax(axis=1))),
                    "chance": 1 / crowd["arms"],
                    "n": _EPISODES,
                }
            )
    return rows
