"""Small models with numbers in and out: linear attention, softmax attention, and a multi-layer Transformer.

All read a history x (B x T x F) and give a raw vector of K numbers for every step, B x T x K, in one causal pass; the
output of step t has seen x_1..x_{t-1} alone, that of step 1 nothing. ``start`` and ``step`` give the same numbers one step
after the other, each entry read once. ``to_space`` turns raw vectors into policies.

x_t is the reward vector R_t where all rewards are shown (F = K); on bandits the one-hot action, then its reward (F = K + 1).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

ARCHITECTURES = ("linear", "softmax", "transformer")
SPACES = ("ball", "simplex", "logits")


def to_space(raw: Tensor, space: str, radius: float = 1.0) -> Tensor:
    """The policies that raw vectors (... x K) stand for: the nearest point of the ball of that radius or of the simplex, or
    the softmax of logits. Raises ValueError for another space."""
    if space == "ball":
        return raw * (radius / raw.norm(dim=-1, keepdim=True).clamp(min=radius))
    if space == "simplex":
        totals = raw.sort(dim=-1, descending=True).values.cumsum(dim=-1) - 1
        ranks = torch.arange(1, raw.shape[-1] + 1, dtype=raw.dtype, device=raw.device)
        return (raw - (totals / ranks).amax(dim=-1, keepdim=True)).clamp(min=0)
    if space == "logits":
        return raw.softmax(dim=-1)
    raise ValueError(f"space: must be one of {', '.join(SPACES)}, not {space!r}")


@dataclass(frozen=True)
class Affine:
    """What ``LinearAttention`` computes, in parts: c + V S + drift (t - 1) + sum_s (bend . x_s) W_v x_s, S = sum_s x_s."""

    c: Tensor  # K
    V: Tensor  # K x F
    drift: Tensor  # K
    bend: Tensor  # F; zero where the policy is affine in S


class LinearAttention(nn.Module):
    """One layer of linear attention: raw_t = c + sum_{s<t} (q . k_s) v_s, k_s = W_k x_s + b_k, v_s = W_v x_s + b_v.

    Nothing has been seen of step t when it acts, so its query q is one learnt vector for all steps, and the sum runs on: a
    step costs O(1). It needs no positions. With u = W_k' q and a = q . b_k,

        raw_t = c + (a W_v + b_v u') S_{t-1} + a b_v (t - 1) + sum_{s<t} (u . x_s) W_v x_s,

    so that c + V S_{t-1} is expressed exactly by W_k = 0 (u = 0), b_v = 0, V = a W_v. ``readout`` gives c, V; ``parts`` all.
    """

    def __init__(self, features: int, arms: int, width: int) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.zeros(arms))
        self.query = nn.Parameter(torch.full((width,), width**-0.5))
        self.key = nn.Linear(features, width)
        self.value = nn.Linear(features, arms)
        with torch.no_grad():
            self.key.bias.copy_(self.query)  # q . b_k = 1: at first every entry counts the same
            self.key.weight.mul_(0.1)
            self.value.weight.mul_(0.1)
            self.value.bias.zero_()

    def _terms(self, x: Tensor) -> Tensor:
        """(q . k_s) v_s of every entry, ... x K."""
        score = x @ (self.query @ self.key.weight) + self.query @ self.key.bias
        return score[..., None] * self.value(x)

    def forward(self, history: Tensor) -> Tensor:
        """Raw vectors of steps 1..T, B x T x K, from x_1..x_T, B x T x F (x_T is not used)."""
        sums = self._terms(history[:, :-1]).cumsum(dim=1)
        return self.c + nn.functional.pad(sums, (0, 0, 1, 0))

    def start(self, batch: int) -> Tensor:
        """The state before step 1: the running sum, B x K."""
        return self.c.new_zeros(batch, len(self.c))

    def step(self, state: Tensor, last: Tensor | None) -> tuple[Tensor, Tensor]:
        """The next raw vector, B x K, and the state, after one more entry (B x F; None at step 1)."""
        state = state if last is None else state + self._terms(last)
        return self.c + state, state

    def parts(self) -> Affine:
        """The affine policy and what stands beside it."""
        u, a = self.query @ self.key.weight, self.query @ self.key.bias
        W, b = self.value.weight, self.value.bias
        return Affine(*(part.detach() for part in (self.c, a * W + torch.outer(b, u), a * b, u)))

    def readout(self) -> tuple[Tensor, Tensor]:
        """(c, V): all of the policy where ``parts`` has neither drift nor bend."""
        parts = self.parts()
        return parts.c, parts.V


Cache = tuple[Tensor, Tensor]  # keys and values so far, B x heads x t x width / heads


@dataclass(frozen=True)
class Seen:
    """The state of an incremental pass: how many entries went in, and the cache of each layer."""

    batch: int
    entries: int
    caches: tuple[Cache | None, ...]


class Attention(nn.Module):
    """Multi-head causal softmax attention over what is cached and what is new."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)

    def forward(self, x: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """B x t x width in and out; with a cache, t must be 1."""
        q, k, v = self.inward(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if cache is not None:
            k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        return self.outward(mixed.transpose(1, 2).flatten(2)), (k, v)


class Block(nn.Module):
    """A Transformer layer: attention, then an MLP four times as wide, each behind a LayerNorm and beside a residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """B x t x width in and out."""
        mixed, cache = self.attention(self.before_attention(x), cache)
        x = x + mixed
        return x + self.down(gelu(self.up(self.before_mlp(x)))), cache


class _Sequence(nn.Module):
    """Entries to tokens, layers, tokens to raw vectors; a learnt token stands for the empty history.

    The position of a token enters as the single number 1 / sqrt(t), t = 1 for the empty history. It is bounded and changes
    slowly where t is large, so that a longer horizon brings nothing new, as a learnt table of positions would; without any
    position attention averages, and the number of entries behind an average would have to be guessed.
    """

    def __init__(self, features: int, arms: int, width: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.empty = nn.Parameter(0.02 * torch.randn(width))
        self.place = nn.Parameter(0.02 * torch.randn(width))
        self.layers = nn.ModuleList(layers)
        self.last = nn.Identity() if isinstance(layers[0], Attention) else nn.LayerNorm(width)
        self.head = nn.Linear(width, arms)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, history: Tensor) -> Tensor:
        """Raw vectors of steps 1..T, B x T x K, from x_1..x_T, B x T x F (x_T is not used)."""
        batch, steps, _ = history.shape
        t = torch.arange(1, steps + 1, dtype=history.dtype, device=history.device)
        x = torch.cat([self.empty.expand(batch, 1, -1), self.embed(history[:, :-1])], dim=1)
        x = x + t.rsqrt()[:, None] * self.place
        for layer in self.layers:
            x, _ = layer(x)
        return self.head(self.last(x))

    def start(self, batch: int) -> Seen:
        """The state before step 1."""
        return Seen(batch, 0, (None,) * len(self.layers))

    def step(self, state: Seen, last: Tensor | None) -> tuple[Tensor, Seen]:
        """The next raw vector, B x K, and the state, after one more entry (B x F; None at step 1). Costs O(t).

        Raises ValueError where the entry of a step after the first is missing.
        """
        if (last is None) != (state.entries == 0):
            raise ValueError(
                f"last: step {state.entries + 1} {'needs the' if state.entries else 'has no'} entry before it"
            )
        token = self.empty.expand(state.batch, -1) if last is None else self.embed(last)
        x, caches = (token + self.place / math.sqrt(state.entries + 1))[:, None], []
        for layer, cache in zip(self.layers, state.caches, strict=True):
            x, cache = layer(x, cache)
            caches.append(cache)
        return self.head(self.last(x))[:, 0], Seen(state.batch, state.entries + 1, tuple(caches))


class SoftmaxAttention(_Sequence):
    """One layer of softmax attention between two linear maps: no MLP, no normalisation, no residual."""

    def __init__(self, features: int, arms: int, width: int, heads: int) -> None:
        super().__init__(features, arms, width, [Attention(width, heads)])


class NumericTransformer(_Sequence):
    """``depth`` pre-norm Transformer layers."""

    def __init__(self, features: int, arms: int, width: int, heads: int, depth: int) -> None:
        super().__init__(features, arms, width, [Block(width, heads) for _ in range(depth)])


Numeric = LinearAttention | SoftmaxAttention | NumericTransformer


def make_numeric(entry: dict, arms: int, *, features: int | None = None, seed: int = 0) -> Numeric:
    """The untrained model of a config entry: architecture, width, and heads and depth where it has them.

    features: F, without it K. seed: of the weights; torch's own stream is left as it was. Raises ValueError for an entry
    that is no model.
    """
    architecture, sizes = entry.get("architecture"), [entry.get("width", 0), entry.get("heads", 1)]
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture: must be one of {', '.join(ARCHITECTURES)}, not {architecture!r}")
    if min(*sizes, entry.get("depth", 1)) < 1 or sizes[0] % sizes[1]:
        raise ValueError(f"width: must be a multiple of heads, and all sizes 1 or more; not {entry}")
    inward = arms if features is None else features
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if architecture == "linear":
            return LinearAttention(inward, arms, sizes[0])
        if architecture == "softmax":
            return SoftmaxAttention(inward, arms, *sizes)
        return NumericTransformer(inward, arms, *sizes, entry.get("depth", 1))
