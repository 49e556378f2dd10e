"""Trajectories end to end: each has the loss and the gradients that it has alone, in every family of models."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig, Phi3Config, PreTrainedModel, Qwen3Config

from rmft.models.learner import Learner, loss_of
from rmft.models.packed_attention import PACKED
from rmft.models.passes import Rows, pack, packs, steps_of
from rmft.models.recipe import Recipe, recipe_of
from rmft.models.vocabulary_loss import vocabulary_loss

SHAPE = {
    "vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 128, "pad_token_id": 0, "initializer_range": 0.3,
}  # fmt: skip
CAPPED = {
    "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 1.5,
    "sliding_window": 7,
    "query_pre_attn_scalar": 8,
}
LONG = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
FAMILIES = {
    "qwen3": Qwen3Config(**SHAPE, head_dim=8, tie_word_embeddings=True),
    "gemma2": Gemma2Config(**SHAPE, **CAPPED, head_dim=8),
    "phi3": Phi3Config(
        **SHAPE, original_max_position_embeddings=64, rope_parameters=LONG, bos_token_id=1, eos_token_id=2
    ),
    "llama": LlamaConfig(**SHAPE),
}


def rows_of(lengths: list[int], seed: int = 0) -> Rows:
    """Random trajectories in which about half of the tokens were sampled."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(3, 61, n).tolist(), rng.integers(0, 2, n).tolist()) for n in lengths]


ROWS = rows_of([5, 23, 1, 12, 30])


def recipe(**keys: object) -> Recipe:
    return recipe_of({"adapter": "none", "epochs": 1, "learning_rate": 0.01, "batch": 4, **keys})


@pytest.fixture(params=FAMILIES)
def config(request: pytest.FixtureRequest) -> object:
    torch.set_num_threads(1)
    return FAMILIES[request.param]


def model_of(config: object, attention: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(deepcopy(config), attn_implementation=attention).train()


def alone(model: PreTrainedModel, rows: Rows) -> torch.Tensor:
    """One by one, by the model's own logits."""
    total = torch.zeros(())
    for ids, mask in rows:
        log_p = model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(dim=-1)
        total = total - sum(log_p[i - 1, ids[i]] for i in range(1, len(ids)) if mask[i])
    return total


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("keys", [{}, {"loss_chunk": 3, "activation_checkpointing": True}], ids=["plain", "frugal"])
def test_packed_loss_and_gradients_are_those_of_each_trajectory_alone(config: object, keys: dict) -> None:
    reference, model = model_of(config, "eager"), model_of(config, PACKED)
    model.load_state_dict(reference.state_dict())
    if keys:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    known = alone(reference, ROWS)
    known.backward()
    ours = Learner(model, recipe(tokens_per_pass=80, **keys), torch.device("cpu"))
    loss = ours(*ours.pass_of(ROWS))
    loss.backward()
    assert loss.item() == pytest.approx(known.item(), rel=1e-5)
    wanted, got = gradients(reference), gradients(model)
    assert wanted.keys() == got.keys()
    for name, gradient in wanted.items():
        assert torch.allclose(got[name], gradient, atol=2e-4 * gradient.abs().max()), name


def test_transformers_own_packing_agrees(config: object) -> None:
    """Which tells trajectories by their positions alone, as flash attention's does; but for soft-capped scores, which
    its scaled products leave out."""
    if getattr(config, "attn_logit_softcapping", None):
        pytest.skip("transformers' sdpa does not soft-cap")
    models = [model_of(config, kind) for kind in (PACKED, "sdpa")]
    losses = [loss_of(model, *pack(ROWS)).item() for model in models]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_padded_and_packed_agree_in_the_family(config: object) -> None:
    """As the softcap of the last logits is no affair of packing."""
    from rmft.models.passes import collate

    rows = [ROWS[1], ROWS[4]]
    padded, packed = model_of(config, "eager"), model_of(config, PACKED)
    assert loss_of(padded, *collate(rows)).item() == pytest.approx(loss_of(packed, *pack(rows)).item(), rel=1e-5)


def test_bfloat16_comes_near(config: object) -> None:
    """Frozen weights in bfloat16, adapters in float32: the loss is near, and the adapters alone have gradients."""
    exact = alone(model_of(config, "eager"), ROWS).item()
    model = get_peft_model(
        model_of(config, PACKED).to(torch.bfloat16), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    ours = Learner(model, recipe(tokens_per_pass=80, dtype="bfloat16", adapter="lora"), torch.device("cpu"))
    loss = ours(*ours.pass_of(ROWS))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact, rel=0.02)
    found = gradients(model)
    assert found and all("lora_" in name and gradient.dtype == torch.float32 for name, gradient in found.items())
    assert any(gradient.abs().max() > 0 for gradient in found.values())


# The loss over a large vocabulary


@pytest.mark.parametrize("softcap", [None, 1.5])
@pytest.mark.parametrize("chunk", [7, 64, 1000])
def test_the_chunked_loss_is_the_plain_one(chunk: int, softcap: float | None) -> None:
    torch.manual_seed(0)
    targets, found = torch.randint(997, (65,)), []
    start, weights = torch.randn(65, 16), torch.randn(997, 16)
    for size in (None, chunk):
        hidden, head = start.clone().requires_grad_(), torch.nn.Linear(16, 997, bias=False)
        head.weight.data.copy_(weights)
        loss = vocabulary_loss(head, hidden, targets, chunk=size, softcap=softcap)
        loss.backward()
        found.append((loss.detach(), hidden.grad, head.weight.grad))
    for plain, chunked in zip(*found, strict=True):
        assert (plain - chunked).abs().max() <= 5e-6 * plain.abs().max()


def kept(chunk: int | None) -> int:
    """Elements of the largest tensor that is kept for going back."""
    sizes, head = [0], torch.nn.Linear(8, 5000, bias=False)

    def note(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        vocabulary_loss(head, torch.randn(200, 8, requires_grad=True), torch.randint(5000, (200,)), chunk=chunk)
    return max(sizes)


def test_no_logits_are_kept_where_they_are_chunked() -> None:
    assert kept(None) == 200 * 5000
    assert kept(10) <= 8 * 5000  # the head itself


def test_nothing_to_learn_is_a_loss_of_zero() -> None:
    hidden = torch.randn(0, 8, requires_grad=True)
    loss = vocabulary_loss(torch.nn.Linear(8, 10), hidden, torch.zeros(0, dtype=torch.long), chunk=4)
    loss.backward()
    assert loss.item() == 0


# Passes

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=60).map(np.array)


@given(lengths, st.integers(1, 64), st.integers(1, 4))
@settings(deadline=None)
def test_packs_hold_every_row_once_and_no_more_than_they_may(sizes: np.ndarray, tokens: int, least: int) -> None:
    found = packs(sizes, np.arange(len(sizes)), tokens, least)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(sizes)))
    assert all(sizes[group].sum() <= tokens or len(group) == 1 for group in found)
    assert len(found) >= min(least, len(sizes))
    if least == 1:  # no two passes would fit into one
        loads = sorted(int(sizes[group].sum()) for group in found)
        assert len(loads) < 2 or loads[0] + loads[1] > tokens


@given(lengths, st.integers(1, 16), st.integers(20, 200), st.integers(0, 9))
@settings(deadline=None)
def test_steps_hold_every_trajectory_once(sizes: np.ndarray, batch: int, tokens: int, seed: int) -> None:
    for keys in ({"batch": batch}, {"batch": batch, "tokens_per_pass": 64}, {"tokens_per_batch": tokens}):
        steps = steps_of(sizes, recipe(**keys), rng=np.random.default_rng(seed))
        assert sorted(np.concatenate([np.concatenate(passes) for passes in steps]).tolist()) == list(range(len(sizes)))
        if "tokens_per_batch" not in keys:
            assert all(sum(map(len, passes)) <= batch for passes in steps)
        else:
            assert all(sum(sizes[rows].sum() for rows in passes) <= tokens + sizes.max() for passes in steps)


def test_a_packed_row_begins_anew_and_its_first_token_is_no_target() -> None:
    ids, mask, positions = pack([([5, 6, 7], [1, 1, 0]), ([8, 9], [1, 1])])
    assert ids.tolist() == [[5, 6, 7, 8, 9]]
    assert mask.tolist() == [[False, True, False, False, True]]
    assert positions.tolist() == [[0, 1, 2, 0, 1]]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tokens_per_pass": 0}, "sft.tokens_per_pass: must be above 0"),
        ({"checkpoint_minutes": -1}, "sft.checkpoint_minutes: must be above 0"),
        ({"dtype": "float16"}, "sft.dtype: must be one of float32, bfloat16"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(keys: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe(**keys)
