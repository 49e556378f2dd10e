"""The paper's families, small: what was sampled is what is trained, in every architecture and by every template."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmft.core.prompts import Context
from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes
from rmft.core.trajectory import COMPLETE, CONTEXT_EXHAUSTED, Trajectory
from rmft.models.chat import renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play
from rmft.models.engines import engine_of
from rmft.models.families import FAMILIES, save
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech, speech_from_config
from rmft.models.transformers_engine import TransformersEngine

NEW = 12  # tokens of a reply at most
WINDOW = 48  # of layers that slide: shorter than the dialogues


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp(family)
    save(family, path, window=WINDOW)
    return path


@pytest.fixture(scope="module")
def policy(folder: Path) -> Policy:
    return Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {})


@pytest.fixture(scope="module")
def speech(family: str) -> Speech:
    return speech_from_config(FAMILIES[family].speech(512))


@pytest.fixture
def engine(policy: Policy, speech: Speech) -> TransformersEngine:
    return engine_of(policy, speech, temperature=1.0, max_new_tokens=NEW)


def plays(engine: TransformersEngine, speech: Speech, world: World, episodes: Episodes) -> list[Trajectory]:
    render = renderer(engine.tokenizer, speech)
    return play(engine, render, world.context, world.task, episodes, max_reasks=1)


def replies_of(ids: list[int], mask: list[int]) -> list[tuple[int, int]]:
    """Where each sampled reply begins and ends."""
    return [(int(a), int(b)) for a, b in np.flatnonzero(np.diff([0, *mask, 0])).reshape(-1, 2)]


def conversations(record: Trajectory) -> list[tuple[list[int], list[int]]]:
    ends = np.cumsum(record.chat_tokens)[:-1]
    parts = zip(np.split(record.token_ids, ends), np.split(record.loss_mask, ends), strict=True)
    return [(ids.tolist(), mask.tolist()) for ids, mask in parts]


def whole(tokenizer: object, chat: list[dict[str, str]], speech: Speech) -> list[int]:
    """The prompt of a chat rendered and tokenised as a whole, thinking switched off where it is."""
    thinking = {"enable_thinking": False} if speech.history == "no_think" else {}
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **thinking | speech.template)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_class_is_the_published_ones(folder: Path, family: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    names = {"phi": "Phi3", "gemma": "Gemma2", "qwen": "Qwen3", "llama": "Llama"}
    assert type(model).__name__ == f"{names[family]}ForCausalLM"
    assert (family == "phi") == (model.config.rope_parameters.get("rope_type") == "longrope")
    if family == "gemma":
        assert set(model.config.layer_types) == {"sliding_attention", "full_attention"}
        assert model.config.attn_logit_softcapping


def test_a_dialogue_is_what_the_template_renders(folder: Path, speech: Speech, context: Context) -> None:
    """Token for token, where nothing of the history is dropped: with thinking off the empty thought stays in ours."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    render, rules = renderer(tokenizer, speech), context.opening(6)
    chat = [{"role": "system", "content": rules}] * speech.system_role
    chat += [{"role": "user", "content": context.question if speech.system_role else rules}]
    ids = render.opening(chat[-1]["content"], rules)
    assert ids == whole(tokenizer, chat, speech)
    if speech.history == "no_think":
        empty = tokenizer("<think>\n\n</think>\n\n", add_special_tokens=False)["input_ids"]
        assert ids[-len(empty) :] == empty
        speech, render = replace(speech, history="keep"), renderer(tokenizer, replace(speech, history="keep"))
        ids = ids[: -len(empty)]
    for said, told in (("I stay with A.\nAnswer: A", "A paid 0.50"), ("Answer: B", "B paid -0.07")):
        reply = tokenizer(said, add_special_tokens=False)["input_ids"]
        ids += [*reply, render.end_id, *render.following(told, ended=True)]
        chat += [{"role": "assistant", "content": said}, {"role": "user", "content": told}]
        assert ids == whole(tokenizer, chat, speech)
        cut = render.following(told, ended=False)
        assert cut == [render.end_id, *render.following(told, ended=True)]


@pytest.mark.parametrize("interaction", ["dialogue", "summary"])
def test_what_was_sampled_is_what_is_trained(
    engine: TransformersEngine, speech: Speech, world: Callable[..., World], episodes: Episodes, interaction: str
) -> None:
    """By the model as the library runs it, on one conversation without a cache: its probabilities are those that were
    sampled from, so that every reply is the one that its seed gives; past the window of sliding layers too."""
    records = plays(engine, speech, world(interaction=interaction), episodes)
    longest = 0
    for record in records[:5]:
        asked = iter(requests(record))
        for ids, mask in conversations(record):
            longest = max(longest, len(ids))
            with torch.inference_mode():
                logits = engine.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
            for start, stop in replies_of(ids, mask):
                seed = next(asked)
                for draw in range(stop - start):
                    cumulative = logits[start + draw - 1].softmax(-1).cumsum(-1)
                    token = int((cumulative <= float(uniforms(seed, draw)) * cumulative[-1]).sum())
                    assert token == ids[start + draw]
    assert longest > WINDOW + NEW


def requests(record: Trajectory) -> list[np.uint64]:
    """The seeds of a record's requests, in order."""
    seeds = []
    for step, status in enumerate(record.parse_status):
        attempts = {"ok": 1, "none": 0}.get(status, 2)
        seeds += [fold(fold(np.uint64(record.episode_seed), step), attempt) for attempt in range(attempts)]
    return seeds


def test_masks_hold_what_the_model_said_and_nothing_else(
    engine: TransformersEngine, speech: Speech, world: Callable[..., World], episodes: Episodes
) -> None:
    render, ended = renderer(engine.tokenizer, speech), 0
    for record in plays(engine, speech, world(), episodes):
        ((ids, mask),) = conversations(record)
        said = [message["content"] for message in record.chats[0] if message["role"] == "assistant"]
        edges = replies_of(ids, mask)
        assert [engine.decode(ids[start:stop]) for start, stop in edges] == said
        assert sum(mask) == sum(stop - start for start, stop in edges)
        ended += sum(ids[stop - 1] == render.end_id for _, stop in edges)
        assert all(stop - start == NEW or ids[stop - 1] == render.end_id for start, stop in edges)
        assert [message["role"] for message in record.chats[0]][:1] == ["system" if speech.system_role else "user"]
    assert ended > 20


def test_temperature_0_is_greedy_generate(
    engine: TransformersEngine, speech: Speech, world: Callable[..., World], episodes: Episodes
) -> None:
    engine.temperature = 0
    for record in plays(engine, speech, world(), episodes)[::8]:
        ((ids, mask),) = conversations(record)
        for start, stop in replies_of(ids, mask):
            prompt = torch.tensor([ids[:start]])
            said = engine.model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=NEW,
                do_sample=False,
                eos_token_id=sorted(engine.stops),
            )
            assert said[0, start:].tolist() == ids[start:stop]


def test_company_changes_nothing(
    engine: TransformersEngine, speech: Speech, world: Callable[..., World], episodes: Episodes
) -> None:
    records, small = plays(engine, speech, world(), episodes), world()
    for i in (0, 7, 23):
        lists = {name: [getattr(episodes, name)[i]] for name in ("scenario_ids", "trajectory_ids")}
        arrays = {name: getattr(episodes, name)[i : i + 1] for name in ("mean_rewards", "rewards", "seeds")}
        assert plays(engine, speech, small, replace(episodes, **lists, **arrays)) == [records[i]]


def test_bfloat16_plays_whole_episodes(
    policy: Policy, speech: Speech, world: Callable[..., World], episodes: Episodes
) -> None:
    engine = engine_of(policy, replace(speech, dtype="bfloat16"), temperature=1.0, max_new_tokens=NEW)
    assert engine.model.dtype == torch.bfloat16
    records = plays(engine, speech, world(), episodes)
    assert {record.status for record in records} == {COMPLETE}
    assert records == plays(engine, speech, world(), episodes)


def test_an_adapter_saved_loaded_and_merged_is_the_same_policy(policy: Policy, speech: Speech, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(policy.model)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(model, lora).eval()
    model.save_pretrained(tmp_path)
    tuned = replace(policy, adapter=str(tmp_path), digest=weights_digest(tmp_path))
    engine = engine_of(tuned, speech, temperature=0, max_new_tokens=NEW)
    ids = torch.arange(8, 90)[None]
    with torch.inference_mode():
        ours, theirs = engine.model(input_ids=ids).logits, model(input_ids=ids).logits
        base = engine_of(policy, speech, temperature=0, max_new_tokens=NEW).model(input_ids=ids).logits
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)
    assert (ours - base).abs().max() > 0.1


def test_an_episode_without_room_ends_and_the_others_go_on(
    policy: Policy, speech: Speech, world: Callable[..., World], episodes: Episodes
) -> None:
    whole = engine_of(policy, speech, temperature=1.0, max_new_tokens=NEW)
    lengths = [len(record.token_ids) for record in plays(whole, speech, world(), episodes)]
    less = replace(speech, context_length=int(np.median(lengths)))
    records = plays(engine_of(policy, less, temperature=1.0, max_new_tokens=NEW), less, world(), episodes)
    assert {record.status for record in records} == {COMPLETE, CONTEXT_EXHAUSTED}
    assert max(len(record.token_ids) for record in records) <= less.context_length


def test_more_context_than_the_model_has_is_refused(policy: Policy, speech: Speech) -> None:
    """Of Phi up to where its rotary factors change: keys that were kept would stand by the factors of before."""
    with pytest.raises(ValueError, match="context_length: 513 is more than the model's 512"):
        engine_of(policy, replace(speech, context_length=513), temperature=1.0, max_new_tokens=NEW)
