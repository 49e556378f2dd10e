"""Talks of a crowd, and the rows that a rollout would make of them."""

from drawn import draw
from transformers import PreTrainedTokenizerBase

from rmft.core.seeding import generator
from rmft.models.crowd import Chat, Crowd, World, conversations

ASSISTANT, END = "<|assistant|>", "<|end|>"
Row = tuple[list[int], list[int]]


def talk(crowd: Crowd, world: World, episodes: int) -> list[Chat]:
    """Conversations of so many episodes."""
    talks = conversations(crowd, world.task, world.context, draw(world, episodes), rng=generator("finetune"))
    return [chat for chats in talks for chat in chats]


def row_of(tokenizer: PreTrainedTokenizerBase, chat: Chat) -> Row:
    """(token ids, loss mask) of a chat, as a rollout would write it."""
    ids, mask = [], []
    for message in chat:
        own = int(message["role"] == "assistant")
        text = message["content"] + END if own else f"<|user|>{message['content']}{ASSISTANT}"
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids, mask = ids + piece, mask + [own] * len(piece)
    return ids, mask
