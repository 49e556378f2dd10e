"""Numeric models by known answers: running sums, one pass equals many steps, nothing sees its own future."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmft.core.online import simplex
from rmft.models.numeric import LinearAttention, Numeric, make_numeric, to_space

ENTRIES = {
    "linear": {"architecture": "linear", "width": 4},
    "softmax": {"architecture": "softmax", "width": 12, "heads": 3},
    "transformer": {"architecture": "transformer", "width": 12, "heads": 2, "depth": 3},
}
NAMES = sorted(ENTRIES)


def shaken(name: str, features: int = 4, arms: int = 3) -> Numeric:
    """An untrained model whose every weight matters."""
    model = make_numeric(ENTRIES[name], arms, features=features, seed=1)
    stream = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=stream))
    return model.eval()


def histories(batch: int, steps: int, features: int = 4) -> torch.Tensor:
    return torch.randn(batch, steps, features, generator=torch.Generator().manual_seed(0))


def stepped(model: Numeric, x: torch.Tensor) -> torch.Tensor:
    """The raw vectors of all steps, one after the other."""
    state, raws = model.start(len(x)), []
    for t in range(x.shape[1]):
        raw, state = model.step(state, x[:, t - 1] if t else None)
        raws.append(raw)
    return torch.stack(raws, dim=1)


@pytest.mark.parametrize("name", NAMES)
@given(batch=st.integers(1, 3), steps=st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_step_by_step_equals_the_full_pass(name: str, batch: int, steps: int) -> None:
    model, x = shaken(name), histories(batch, steps)
    with torch.no_grad():
        torch.testing.assert_close(stepped(model, x), model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_sees_what_was_before_it_and_nothing_else(name: str) -> None:
    """d raw_t / d x_s is zero for s >= t, and not zero for s < t."""
    model, x = shaken(name), histories(1, 6).requires_grad_()
    raw = model(x)
    for t in range(6):
        (slope,) = torch.autograd.grad(raw[0, t].sum(), x, retain_graph=True)
        assert (slope[0, t:] == 0).all()
        assert (slope[0, :t] != 0).all()


def test_linear_attention_is_the_running_sum() -> None:
    model = LinearAttention(2, 2, width=3).double()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.query.copy_(torch.tensor([2.0, 0, 0]))
        model.key.bias.copy_(torch.tensor([0.5, 7, 7]))
        model.value.weight.copy_(torch.eye(2))
        model.c.copy_(torch.tensor([10.0, 20]))
        raw = model(torch.tensor([[[1.0, 2], [3, 4], [5, 6]]], dtype=torch.float64))[0]
    assert raw.tolist() == [[10, 20], [11, 22], [14, 26]]
    c, V = model.readout()
    assert c.tolist() == [10, 20] and V.tolist() == [[1, 0], [0, 1]]


def test_the_parts_of_linear_attention_make_up_the_whole() -> None:
    model, x = shaken("linear").double(), histories(2, 7).double()
    parts, S = model.parts(), x.cumsum(dim=1) - x
    bends = (x @ parts.bend)[..., None] * (x @ model.value.weight.T)
    t = torch.arange(7.0, dtype=torch.float64)[:, None]
    whole = parts.c + S @ parts.V.T + t * parts.drift + bends.cumsum(dim=1) - bends
    torch.testing.assert_close(model(x).detach(), whole.detach())


def test_linear_attention_alone_is_blind_to_order() -> None:
    """Two entries change places: a sum is the same; softmax attention knows where each stood."""
    x = histories(1, 6)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    with torch.no_grad():
        same = [torch.allclose(shaken(name)(x)[:, 4:], shaken(name)(swapped)[:, 4:], atol=1e-5) for name in NAMES]
    assert dict(zip(NAMES, same, strict=True)) == {"linear": True, "softmax": False, "transformer": False}


@pytest.mark.parametrize("name", NAMES)
def test_a_horizon_far_beyond_training_gives_finite_numbers(name: str) -> None:
    with torch.no_grad():
        assert shaken(name)(histories(1, 2000)).isfinite().all()


def test_the_simplex_is_projected_on_as_the_baselines_do() -> None:
    raw = 2 * histories(50, 1, 5)[:, 0].double()
    np.testing.assert_allclose(to_space(raw, "simplex"), simplex(raw.numpy().T).T, atol=1e-12)


def test_the_spaces() -> None:
    raw = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    torch.testing.assert_close(to_space(raw, "ball", 2.0), torch.tensor([[1.2, 1.6], [0.3, 0.4]]))
    torch.testing.assert_close(to_space(raw, "logits"), raw.softmax(-1))
    with pytest.raises(ValueError, match="space: must be one of ball, simplex, logits, not 'cube'"):
        to_space(raw, "cube")


def test_weights_come_from_the_seed_and_from_nowhere_else() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (make_numeric(ENTRIES["transformer"], 3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first.embed.weight, again.embed.weight)
    assert not torch.equal(first.embed.weight, other.embed.weight)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"architecture": "lstm", "width": 4}, "architecture: must be one of linear, softmax, transformer, not 'lstm'"),
        ({"architecture": "softmax", "width": 4, "heads": 3}, "width: must be a multiple of heads"),
        ({"architecture": "linear"}, "width: must be a multiple of heads, and all sizes 1 or more"),
        ({"architecture": "transformer", "width": 4, "heads": 1, "depth": 0}, "all sizes 1 or more"),
    ],
)
def test_an_entry_that_is_no_model_is_refused(entry: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_numeric(entry, 3)


def test_a_missing_entry_is_refused() -> None:
    model = shaken("softmax")
    _, state = model.step(model.start(1), None)
    with pytest.raises(ValueError, match="last: step 2 needs the entry before it"):
        model.step(state, None)
