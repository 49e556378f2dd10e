"""A LoRA through vLLM, merged and apart, against peft; and two of one name, which must never share what is remembered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from rmft.models import scratch, transformers_engine
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech

SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32}
GREEDY = {"temperature": 0.0, "max_new_tokens": 12}


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the small one's tokenizer, and heads as vLLM knows them."""
    folder, tokenizer = tmp_path_factory.mktemp("wide"), AutoTokenizer.from_pretrained(tiny)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer), intermediate_size=96, max_position_embeddings=512, eos_token_id=1, **SHAPE
    )
    Qwen3ForCausalLM(config).float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Policy]:
    """Policies with a random adapter of rank 4, all in folders of one name."""

    def make(seed: int) -> Policy:
        at = tmp_path_factory.mktemp("cell") / "adapter"
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(folder)
        how = LoraConfig(
            r=4, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
        )
        get_peft_model(model, how).save_pretrained(at)
        return Policy("transformers", str(folder), None, str(at), weights_digest(at), "parent", 1, {})

    return make


@pytest.fixture(scope="module")
def first(adapted: Callable[[int], Policy]) -> Policy:
    return adapted(1)


@pytest.fixture(scope="module")
def apart(first: Policy) -> object:
    from rmft.models import vllm_engine

    return vllm_engine.engine_of(first, Speech(vllm={"adapter": "apart"}), **GREEDY)


@pytest.fixture(scope="module")
def expected(first: Policy, drawn: Callable, played: Callable) -> list:
    """What it plays on transformers, with peft."""
    return played(transformers_engine.engine_of(first, Speech(), **GREEDY), drawn(20))


def test_merged_it_plays_as_on_transformers_and_the_copy_is_gone(first, expected, drawn, played) -> None:
    from rmft.models import vllm_engine

    engine = vllm_engine.engine_of(first, Speech(), **GREEDY)
    assert played(engine, drawn(20)) == expected
    assert engine.played_by["adapter"] == "merged"
    assert list(scratch.root().glob("*")) == []


def test_apart_it_plays_as_on_transformers_and_is_named_by_its_weights(apart, first, expected, drawn, played) -> None:
    assert played(apart, drawn(20)) == expected
    assert apart.played_by["adapter"] == f"apart: {first.adapter}@{first.digest}"


def test_without_it_other_things_are_said(apart, expected, drawn, played) -> None:
    assert played(replace(apart, adapter=None), drawn(20)) != expected


def test_two_adapters_in_folders_of_one_name_share_nothing(apart, first, adapted, drawn, played) -> None:
    """The second finds nothing remembered of the first one's very prompts, though it stands where the first one stood."""
    from rmft.models import vllm_engine

    second, seen = adapted(2), []
    moved = Path(first.adapter).rename(Path(first.adapter).with_name("moved"))
    Path(second.adapter).rename(first.adapter)
    second = replace(second, adapter=first.adapter)
    step = apart.core.step

    def watched() -> list:
        ended = step()
        seen.extend(output.num_cached_tokens for output in ended)
        return ended

    other = replace(apart, adapter=vllm_engine._lora(second))
    long = list(range(10, 300))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart.core, "step", watched)
        said = []
        for engine in (apart, apart, other, other):
            stream = engine.stream()
            stream.ask(0, long, 7)
            said.append(stream.answers()[0][1])
    assert seen == [0, 256, 0, 256]
    assert said[0] == said[1] != said[2] == said[3]
    Path(first.adapter).rename(second_home := moved.with_name("second"))
    moved.rename(first.adapter)
    theirs = transformers_engine.engine_of(replace(second, adapter=str(second_home)), Speech(), **GREEDY)
    assert played(other, drawn(5)) == played(theirs, drawn(5))
