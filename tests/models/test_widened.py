"""A model with wider heads says what the narrow one says."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from rmft.models.widened import head_width, widened


@pytest.mark.parametrize("width", [32, 64])
def test_wider_heads_give_the_same_logits(tiny: Path, width: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny).eval()
    wide = widened(model, width)
    assert (head_width(model.config), head_width(wide.config)) == (24, width)
    ids = torch.randint(4, model.config.vocab_size, (3, 400), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, others = model(input_ids=ids).logits, wide(input_ids=ids).logits
    assert others.numpy() == pytest.approx(logits.numpy(), abs=1e-4)
    assert logits.std() > 1  # and not because there is nothing to tell apart


def test_a_widened_model_is_read_back_as_it_was(tiny: Path, tmp_path: Path) -> None:
    wide = widened(AutoModelForCausalLM.from_pretrained(tiny), 32)
    wide.save_pretrained(tmp_path)
    again, ids = AutoModelForCausalLM.from_pretrained(tmp_path), torch.arange(4, 60)[None]
    with torch.inference_mode():
        assert torch.equal(again(input_ids=ids).logits, wide(input_ids=ids).logits)


def test_an_architecture_that_rotates_otherwise_is_refused() -> None:
    shape = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=20, **shape))
    with pytest.raises(ValueError, match="heads of 16 numbers cannot be widened to 32 in a model of type llama"):
        widened(model, 32)
