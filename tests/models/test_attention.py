"""Attention with shared keys and values, against the library's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Gemma2Config, Gemma2ForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from rmft.models.attention import fold, folded_attention

SHAPE = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64, "head_dim": 8}


def model_of(kv_heads: int) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(**SHAPE, num_attention_heads=4, num_key_value_heads=kv_heads)).eval()


@given(st.integers(1, 3), st.sampled_from([(4, 1), (4, 2), (6, 3), (4, 4)]), st.integers(1, 5), st.integers(0, 6))
def test_it_is_the_librarys_attention(batch: int, heads: tuple[int, int], queries: int, before: int) -> None:
    rng, (many, few) = torch.Generator().manual_seed(batch + queries + before), heads
    query = torch.randn(batch, many, queries, 8, generator=rng)
    key, value = (torch.randn(batch, few, before + queries, 8, generator=rng) for _ in range(2))
    seen = torch.rand(batch, 1, queries, before + queries, generator=rng) < 0.7
    seen[..., 0] = True
    mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
    module = torch.nn.Module()
    module.num_key_value_groups = many // few
    wanted, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)
    got, _ = folded_attention(module, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(got, wanted)


def test_a_model_with_shared_keys_attends_so_and_says_the_same() -> None:
    model, ids = model_of(2), torch.arange(12)[None]
    mask = torch.where(torch.ones(12, 12).tril().bool(), 0.0, torch.finfo(torch.float32).min)[None, None]
    with torch.inference_mode():
        wanted = model(input_ids=ids, attention_mask=mask).logits
        fold(model)
        assert model.config._attn_implementation == "folded"
        torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, wanted)


@pytest.mark.parametrize("chosen", ["sdpa", "eager"])
def test_what_shares_nothing_or_attends_otherwise_stays(chosen: str) -> None:
    """A model whose heads share nothing, and Gemma-2, whose scores are capped and which its makers run eagerly."""
    model = model_of(4)
    model.set_attn_implementation(chosen)
    fold(model)
    assert model.config._attn_implementation == chosen
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    capped = Gemma2ForCausalLM(Gemma2Config(**SHAPE, **heads, attn_implementation="eager"))
    fold(capped)
    assert capped.config._attn_implementation == "eager"
