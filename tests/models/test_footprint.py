"""The formula of memory against what autograd keeps and what is alive, counted on small shapes."""

import weakref
from copy import deepcopy

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig, Phi3Config, Qwen3Config

from rmft.models.footprint import Footprint, Shape, shape_of
from rmft.models.learner import Learner
from rmft.models.packed_attention import PACKED
from rmft.models.recipe import recipe_of

TOKENS = 1025
SIZES = {
    "vocab_size": 2003, "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 160, "max_position_embeddings": 4096, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True),
    "llama": LlamaConfig(**SIZES),
    "phi3": Phi3Config(**SIZES),
    "gemma2": Gemma2Config(**SIZES, head_dim=16, query_pre_attn_scalar=16, sliding_window=4096),
}
WAYS = [(None, False), (8, False), (8, True)]


class Alive(TorchDispatchMode):
    """Bytes of all tensors made while this lasts: now, and at the most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: object, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        given = {
            leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)
        }
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and (storage := leaf.untyped_storage())._cdata not in given | self.known:
                self._count(storage._cdata, storage.nbytes(), storage)
        return result

    def _count(self, key: int, size: int, storage: torch.UntypedStorage) -> None:
        self.known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)

        def gone() -> None:
            self.known.discard(key)
            self.now -= size

        weakref.finalize(storage, gone)


def learner(family: str, rank: int | None, bfloat16: bool, **keys: object) -> Learner:
    kind = torch.bfloat16 if bfloat16 and rank else torch.float32
    config = deepcopy(FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config, attn_implementation=PACKED, dtype=kind).train()
    if rank:
        model = get_peft_model(model, LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    entry = {"adapter": "lora" if rank else "none", "epochs": 1, "learning_rate": 0.1, "batch": 1, **keys}
    recipe = recipe_of(entry | {"tokens_per_pass": TOKENS, "dtype": "bfloat16" if bfloat16 else "float32"})
    if recipe.activation_checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    return Learner(model, recipe, torch.device("cpu"))


def a_pass(ours: Learner) -> list[torch.Tensor]:
    return ours.pass_of([(np.random.default_rng(0).integers(3, 2003, TOKENS).tolist(), [1] * TOKENS)])


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_counted_to_the_last_one(family: str) -> None:
    shape, ours = shape_of(FAMILIES[family].to_dict()), learner(family, 8, False)
    sizes = {name: p.numel() for name, p in ours.model.named_parameters()}
    adapters = sum(size for name, size in sizes.items() if "lora_" in name)
    assert shape.parameters == sum(sizes.values()) - adapters
    assert shape.adapters(8) == adapters


@pytest.mark.parametrize("chunk", [32, None])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("rank", "bfloat16"), WAYS)
@pytest.mark.parametrize("family", ["qwen3", "gemma2"])
def test_the_peak_of_a_pass_is_within_a_tenth(
    family: str, rank: int | None, bfloat16: bool, checkpointing: bool, chunk: int | None
) -> None:
    """Forward and back, gradients included; the weights stand beside."""
    torch.set_num_threads(1)
    keys = {"activation_checkpointing": checkpointing} | ({"loss_chunk": chunk} if chunk else {})
    ours = learner(family, rank, bfloat16, **keys)
    tensors = a_pass(ours)
    with Alive() as alive:
        ours(*tensors).backward()
    shape = shape_of(FAMILIES[family].to_dict())
    known = Footprint(shape, TOKENS, rank, "all-linear", bfloat16, checkpointing, chunk)
    assert known.kept + known.working + 4 * known.trained == pytest.approx(alive.peak, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("rank", "bfloat16"), WAYS)
def test_what_autograd_keeps_is_within_three_percent(family: str, rank: int | None, bfloat16: bool) -> None:
    torch.set_num_threads(1)
    ours = learner(family, rank, bfloat16, loss_chunk=32)
    own = {p.untyped_storage().data_ptr() for p in ours.parameters()}
    sizes, held = {}, []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        held.append(tensor)  # so that no address is used twice
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = ours(*a_pass(ours))
    assert loss.isfinite()
    kept = sum(size for place, size in sizes.items() if place not in own)
    known = Footprint(shape_of(FAMILIES[family].to_dict()), TOKENS, rank, "all-linear", bfloat16, False, 32)
    assert known.kept == pytest.approx(kept, rel=0.03)


EIGHT = Shape(36, 4096, 32, 8, 128, 12288, 151936, False, "qwen3")


def test_the_shape_of_qwen3_8b_has_its_weights() -> None:
    assert EIGHT.parameters == 8_190_735_360  # as its model card counts: 8.2 thousand million, 6.95 without embeddings
    assert Footprint(EIGHT, 1, rank=16).flops_per_token == 4 * (8_190_735_360 - 151936 * 4096 - 36 * 8448 - 4096)


def test_scores_that_are_capped_cost_the_square_of_the_longest_trajectory() -> None:
    """42 layers, 16 heads: eight bytes a score kept in each, and as many again going back through one."""
    nine = Shape(42, 3584, 16, 8, 256, 14336, 256000, True, "gemma2")
    assert nine.parameters == 9_241_705_984  # as its model card counts: 9.24 thousand million
    long, short = (Footprint(nine, 8192, loss_chunk=64, longest=tokens) for tokens in (8192, 1024))
    assert long.bytes - short.bytes == (42 * (8 * 16 + 1) + 8 * 16) * 8192 * (8192 - 1024)


def test_more_memory_is_asked_for_by_more_of_anything() -> None:
    small = Footprint(EIGHT, 4096, rank=16, bfloat16=True, checkpointing=True, loss_chunk=512)
    assert 16e9 < small.states < 18e9
    assert small.bytes < Footprint(EIGHT, 16384, 16, "all-linear", True, True, 512).bytes
    assert small.bytes < Footprint(EIGHT, 4096, 16, "all-linear", True, True).bytes
    assert small.bytes < Footprint(EIGHT, 4096, 16, "all-linear", True, False, 512).bytes
    assert small.bytes > Footprint(EIGHT, 4096, 16, "all-linear", True, True, 512, processes=4).bytes
    assert small.seconds(1e6, flops=1e15, share=0.5) == pytest.approx(1e6 * 6 * EIGHT.matrices / 5e14)
