"""The kept cache against a reference that recomputes every token of every row from nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmft.core.prompts import Context
from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes, Task, draw_episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory
from rmft.models.cache import GrowingLayer
from rmft.models.chat import renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play
from rmft.models.transformers_engine import TransformersEngine

NEW = 16  # tokens of a reply at most


@pytest.fixture
def engine(tiny: Path) -> TransformersEngine:
    torch.set_num_threads(1)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    return TransformersEngine(model, tokenizer, temperature=1.0, max_new_tokens=NEW)


@pytest.fixture
def play_with(context: Context, task: Task):
    def run(engine: TransformersEngine, episodes: Episodes, *, max_reasks: int = 1) -> list[Trajectory]:
        return play(engine, renderer(engine.tokenizer), context, task, episodes, max_reasks=max_reasks)

    return run


@torch.inference_mode()
def reference_logits(engine: TransformersEngine, tokens: list[int]) -> torch.Tensor:
    return engine.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]


def reference_reply(engine: TransformersEngine, tokens: list[int], seed: np.uint64) -> list[int]:
    """A reply to ``tokens`` alone in its batch, every logit computed from nothing."""
    reply: list[int] = []
    for draw in range(NEW):
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
    eager = TransformersEngine(model, engine.tokenizer, temperature=1.0, max_new_tokens=NEW)
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
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, do_sample=False
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


def rows(episodes: Episodes, order: list[int]) -> Episodes:
    """Some of the episodes, in this order."""
    lists = {name: [getattr(episodes, name)[i] for i in order] for name in ("scenario_ids", "trajectory_ids")}
    return replace(
        episodes, **lists, **{name: getattr(episodes, name)[order] for name in ("mean_rewards", "rewards", "seeds")}
    )


def test_the_order_of_a_batch_changes_nothing(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    records = play_with(engine, episodes)
    order = np.random.default_rng(0).permutation(len(episodes)).tolist()
    assert play_with(engine, rows(episodes, order)) == [records[i] for i in order]
    assert play_with(engine, episodes) == records


def test_company_and_batch_size_change_next_to_nothing(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    """Only a number that falls within the last bits of a cumulative probability can flip; none does here."""
    records = play_with(engine, episodes)
    flips = Counter()
    for size in (1, 5, 12):
        for start in range(0, len(episodes), size):
            part = list(range(start, min(start + size, len(episodes))))
            again = play_with(engine, rows(episodes, part))
            flips[size] += sum(one != records[i] for i, one in zip(part, again, strict=True))
    assert flips.total() == 0, flips


def test_seeds_decide_what_is_said(engine: TransformersEngine, episodes: Episodes, task: Task, play_with) -> None:
    same = rows(episodes, [0] * len(episodes))
    others = replace(same, seeds=episodes.seeds)
    assert len({tuple(record.token_ids) for record in play_with(engine, same)}) == 1
    assert len({tuple(record.token_ids) for record in play_with(engine, others)}) > len(episodes) / 2


def test_two_cells_and_two_policies_draw_differently(engine: TransformersEngine, task: Task, play_with) -> None:
    where = {"split": "train", "iteration": 0, "scenarios": range(3), "per_scenario": 2}
    names = [("a", 0), ("a", 1), ("b", 0)]
    played = [play_with(engine, draw_episodes(task, seed=seed, policy=policy, **where)) for policy, seed in names]
    first, seeded, other = ([record.token_ids for record in records] for records in played)
    assert first != seeded
    assert first != other


def test_an_episode_that_outgrows_the_context_ends_and_the_others_go_on(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    undisturbed = play_with(engine, episodes)
    last_reply = [int(np.flatnonzero(np.diff(record.loss_mask) == 1)[-1]) + 1 for record in undisturbed]
    engine.context_length = int(np.median(last_reply)) + NEW
    cut = play_with(engine, episodes)
    assert {record.status for record in cut} == {COMPLETE, CONTEXT_EXHAUSTED}
    for record, whole in zip(cut, undisturbed, strict=True):
        if record.status == COMPLETE:
            assert record == whole
            continue
        length, played = len(record.token_ids), 6 - record.actions.count(-1)
        assert length <= engine.context_length
        assert record.token_ids == whole.token_ids[:length]
        assert record.loss_mask == whole.loss_mask[:length]
        assert record.loss_mask[-1] == 1
        assert record.chats[0] == whole.chats[0][: len(record.chats[0])]
        assert record.chats[-1][-1]["role"] == "assistant"
        assert record.actions == whole.actions[:played] + [-1] * (6 - played)
        assert record.rewards == whole.rewards[:played] + [0.0] * (6 - played)
        assert record.parse_status == whole.parse_status[:played] + ["none"] * (6 - played)


def test_no_context_for_the_opening_ends_all_episodes_at_once(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    engine.context_length = NEW + 3
    for record in play_with(engine, episodes):
        assert (record.status, record.token_ids, record.chats) == (CONTEXT_EXHAUSTED, [], [])
        assert record.actions == [-1] * 6


def test_masks_cover_what_the_model_said_and_nothing_else(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    engine.temperature = 1.5  # uneven and unreadable replies among the others
    records = play_with(engine, episodes)
    assert {status for record in records for status in record.parse_status} >= {"ok", "fallback"}
    for record in records:
        edges = np.flatnonzero(np.diff([0, *record.loss_mask, 0])).reshape(-1, 2)
        said = [message["content"] for message in record.chats[0] if message["role"] == "assistant"]
        assert [engine.decode(record.token_ids[start:stop]) for start, stop in edges] == said
        told = [message["content"] for message in record.chats[0] if message["role"] == "user"]
        prompts = [engine.tokenizer.decode(part) for part in np.split(record.token_ids, edges.ravel())[::2]]
        assert len(prompts) == len(told) + 1
        assert [f"<|user|>{content}<|assistant|>" for content in told] == [
            prompt.removeprefix("<|end|>") for prompt in prompts[:-1]
        ]


def test_the_whole_record_is_what_the_template_renders(
    engine: TransformersEngine, episodes: Episodes, play_with
) -> None:
    for record in play_with(engine, episodes):
        text = engine.tokenizer.apply_chat_template(record.chats[0], tokenize=False)
        assert engine.tokenizer.decode(record.token_ids) == text


def test_a_special_token_within_a_reply_stays_and_is_no_answer(engine: TransformersEngine, context: Context) -> None:
    said = engine.tokenizer("Answer: A", add_special_tokens=False)["input_ids"]
    user, pad = engine.tokenizer.convert_tokens_to_ids(["<|user|>", "<|pad|>"])
    assert context.parse(engine.decode([*said, engine.end_id])) == 0
    for ids in ([*said, user], [*said, pad], [user, *said]):
        assert context.parse(engine.decode([*ids, engine.end_id])) is None


def test_weights_that_are_not_numbers_are_refused(engine: TransformersEngine, episodes: Episodes, play_with) -> None:
    engine.model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        play_with(engine, episodes)
