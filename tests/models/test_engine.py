"""The kept cache against a reference that recomputes every token of every row from nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes
from rmft.models.cache import GrowingLayer
from rmft.models.chat import renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play
from rmft.models.transformers_engine import TransformersEngine


@torch.inference_mode()
def reference_logits(engine: TransformersEngine, tokens: list[int]) -> torch.Tensor:
    return engine.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]


def reference_reply(engine: TransformersEngine, tokens: list[int], seed: np.uint64) -> list[int]:
    """A reply to ``tokens`` alone in its batch, every logit computed from nothing."""
    reply: list[int] = []
    for draw in range(engine.max_new_tokens):
        logits = reference_logits(engine, tokens + reply)
        cumulative = (logits.double() / engine.temperature).softmax(dim=-1).cumsum(dim=-1)
        reply.append(int((cumulative <= float(uniforms(seed, draw)) * cumulative[-1]).sum()))
        if reply[-1] == engine.end_id:
            break
    return reply


@contextmanager
def watched(model: torch.nn.Module) -> Iterator[list[tuple[torch.Tensor, torch.Tensor]]]:
    """(input ids, last logits) of every forward pass."""
    seen: list = []
    hook = model.register_forward_hook(
        lambda _, __, given, output: seen.append((given["input_ids"], output.logits[:, -1])), with_kwargs=True
    )
    yield seen
    hook.remove()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slots were kept, each time that the cache was cut."""
    calls: list[int] = []
    original = GrowingLayer.take

    def take(layer: GrowingLayer, rows: torch.Tensor, slots: torch.Tensor) -> None:
        calls.append(slots.shape[1])
        original(layer, rows, slots)

    monkeypatch.setattr(GrowingLayer, "take", take)
    return calls


def converse(engine: TransformersEngine, rounds: list[dict[int, str]]) -> None:
    """Let a session and the reference answer the same; each round says who is still there and what it is told."""
    session, heard = engine.open(len(rounds[0])), {name: [] for name in rounds[0]}
    present = list(rounds[0])
    for number, told in enumerate(rounds):
        session.keep([present.index(name) for name in told])
        present = list(told)
        new = [engine.tokenizer(told[name], add_special_tokens=False)["input_ids"] for name in present]
        seeds = fold(np.array(present, np.uint64), number)
        with watched(engine.model) as seen:
            replies = session.reply(new, seeds)
        for row, name in enumerate(present):
            heard[name] += new[row]
            assert seen[0][1][row].numpy() == pytest.approx(reference_logits(engine, heard[name]).numpy(), abs=1e-4)
            assert replies[row] == reference_reply(engine, heard[name], seeds[row])
            heard[name] += replies[row]


ROUNDS = [
    {0: "<|user|>Press.<|assistant|>", 1: "<|user|>A paid 0.50. " * 9 + "<|assistant|>", 2: "B", 3: "<|assistant|>I"},
    {0: "<|user|>A paid 0.41<|assistant|>", 1: "x", 2: "<|user|>", 3: "C paid 0.12" * 12},
    {3: "<|user|>Go on<|assistant|>", 1: "A, B, C" * 7, 0: "<|assistant|>"},
    {0: "B", 1: "<|user|>B paid 0.99<|assistant|>"},
    {0: "<|user|>C paid 0.03<|assistant|>", 1: "<|user|>From now on press what has paid best.<|assistant|>"},
    {1: "<|user|>Again<|assistant|>"},
    {1: "<|user|>And again<|assistant|>"},
]


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_a_kept_cache_answers_like_recomputing_from_nothing(
    engine: TransformersEngine, taken: list[int], temperature: float
) -> None:
    engine.temperature = temperature
    converse(engine, ROUNDS)
    assert len(taken) > 2 * engine.model.config.num_hidden_layers  # rows were dropped, holes too


def test_a_model_whose_attention_adds_its_mask_answers_the_same(
    engine: TransformersEngine, tiny: Path, episodes: Episodes, play_with
) -> None:
    """Given truth values, an "eager" attention would add 0 and 1 to its scores, and see the future and the holes."""
    model = AutoModelForCausalLM.from_pretrained(tiny, attn_implementation="eager")
    eager = TransformersEngine(model, engine.tokenizer, temperature=1.0, max_new_tokens=engine.max_new_tokens)
    converse(eager, ROUNDS)
    assert play_with(eager, episodes) == play_with(engine, episodes)


def test_the_buffers_grow_over_many_blocks(engine: TransformersEngine) -> None:
    long = {name: "A paid 0.50 and B paid 0.25. " * (30 + 7 * name) for name in range(3)}
    converse(engine, [long, dict.fromkeys(range(3), "<|user|>B paid 0.10<|assistant|>"), {2: "x", 1: "y"}])


def test_a_played_episode_is_what_the_reference_plays(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    """Every sampled run of every record is what its prefix and its seed give: also after re-asks."""
    engine.temperature = 1.3
    for record in play_with(engine, episodes)[:6]:
        start, step, attempt = 0, 0, 0
        edges = np.flatnonzero(np.diff([0, *record.loss_mask, 0])).reshape(-1, 2)
        for start, stop in edges:
            seed = fold(fold(np.uint64(record.episode_seed), step), attempt)
            said = reference_reply(engine, record.token_ids[:start], seed)
            assert record.token_ids[start:stop] == said
            again = record.parse_status[step] != "ok" and attempt == 0
            step, attempt = (step, 1) if again else (step + 1, 0)
        assert step == 6


def test_in_summaries_every_reply_is_to_its_own_conversation_alone(
    engine: TransformersEngine, world: Callable[..., World], episodes: Episodes
) -> None:
    """Its n-th reply to the conversation of step t is what that conversation's tokens and its seed give."""
    engine.temperature, small = 1.3, world(interaction="summary")
    records = play(engine, renderer(engine.tokenizer), small.context, small.task, episodes, max_reasks=1)
    assert 4 in {len(chat) for record in records for chat in record.chats}  # who was asked again
    for record in records[:6]:
        ends = np.cumsum(record.chat_tokens)
        parts = zip(np.split(record.token_ids, ends[:-1]), np.split(record.loss_mask, ends[:-1]), strict=True)
        for step, (ids, mask) in enumerate(parts):
            for attempt, (start, stop) in enumerate(np.flatnonzero(np.diff([0, *mask, 0])).reshape(-1, 2)):
                seed = fold(fold(np.uint64(record.episode_seed), step), attempt)
                assert ids[start:stop].tolist() == reference_reply(engine, ids[:start].tolist(), seed)
            assert record.chats[step][0]["content"] in engine.tokenizer.decode(ids)
        assert step == 5


def test_temperature_0_is_greedy_generate(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    engine.temperature = 0
    for record in play_with(engine, episodes)[::8]:
        for start, stop in np.flatnonzero(np.diff([0, *record.loss_mask, 0])).reshape(-1, 2):
            prompt = torch.tensor([record.token_ids[:start]])
            said = engine.model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=engine.max_new_tokens, do_sample=False
            )
            assert said[0, start:].tolist() == record.token_ids[start:stop]


def test_every_token_is_processed_once(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    with watched(engine.model) as seen:
        records = play_with(engine, episodes)
    assert not any(0 in record.token_ids for record in records)  # 0 fills holes alone
    fed = sum(int((ids != 0).sum()) for ids, _ in seen)
    assert fed == sum(len(record.token_ids) - 1 for record in records)  # the last token of all is never needed


def test_most_of_what_is_processed_is_no_hole(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    with watched(engine.model) as seen:
        records = play_with(engine, episodes)
    assert sum(ids.numel() for ids, _ in seen) < 2 * sum(len(record.token_ids) for record in records)
