"""Memory and time of a fine-tuning by formula, before a GPU is asked for. Standard library only: `make plan` imports this.

Bytes that autograd keeps were counted with torch's saved-tensor hooks on Qwen3, Llama, Phi-3 and Gemma-2 blocks; the tests
count them again. Gemma-2's soft-capped scores exist as a whole: they grow with the square of a trajectory. Where blocks are
computed again, that all gradients are there at once is an upper bound. ``tokens``: of a pass; floats have 4 bytes, bfloat16
has 2.
"""

from dataclasses import dataclass

_FLOPS, _SHARE = 312e12, 0.4  # of an A100 in bfloat16, a second, and what of it is used [ours]
_START = 120.0  # seconds to load a large model [ours]
_FLOATS, _HALVES = 4, 2
_FUSED = ("phi3",)  # one map gives query, key and value, another both parts of the MLP
_NORMED = ("qwen3",)  # query and key are normalised
_CAPPED = ("gemma2",)  # four norms, tanh bounds scores and logits, keys and values are repeated for each head


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes: ``mlp`` is the hidden size of the feed-forward part, ``family`` the model type of its config."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int
    tied: bool = False
    family: str = "llama"

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear map of a block, by name."""
        query, key, width = self.heads * self.head_dim, self.kv_heads * self.head_dim, self.width
        if self.family in _FUSED:
            first = {"qkv_proj": (width, query + 2 * key), "gate_up_proj": (width, 2 * self.mlp)}
        else:
            first = {"q_proj": (width, query), "k_proj": (width, key), "v_proj": (width, key)}
            first |= {"gate_proj": (width, self.mlp), "up_proj": (width, self.mlp)}
        return first | {"o_proj": (query, width), "down_proj": (self.mlp, width)}

    @property
    def matrices(self) -> int:
        """Weights that a token is multiplied by: of the blocks and the head."""
        return self.layers * sum(a * b for a, b in self.linears.values()) + self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """All weights."""
        norms = (4 if self.family in _CAPPED else 2) * self.width + 2 * self.head_dim * (self.family in _NORMED)
        return self.matrices + self.vocabulary * self.width * (not self.tied) + self.layers * norms + self.width

    def adapters(self, rank: int, modules: str | tuple[str, ...] = "all-linear") -> int:
        """Weights of LoRA on the named maps of every block."""
        chosen = [size for name, size in self.linears.items() if modules == "all-linear" or name in modules]
        return self.layers * rank * sum(map(sum, chosen))


def shape_of(config: dict) -> Shape:
    """The shape of a transformers config (its ``to_dict()``)."""
    heads = config["num_attention_heads"]
    return Shape(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        mlp=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings")),
        family=config["model_type"],
    )


@dataclass(frozen=True)
class Footprint:
    """A fine-tuning of a shape. ``rank`` of LoRA on ``modules``; None: all weights. ``loss_chunk``: positions whose logits
    exist at once; None: all of the pass. ``processes``: GPUs that share weights and optimiser. ``longest``: tokens of the
    longest trajectory; None: the pass is one."""

    shape: Shape
    tokens: int
    rank: int | None = None
    modules: str | tuple[str, ...] = "all-linear"
    bfloat16: bool = False
    checkpointing: bool = False
    loss_chunk: int | None = None
    processes: int = 1
    longest: int | None = None

    @property
    def trained(self) -> int:
        """Weights that learn."""
        return self.shape.parameters if self.rank is None else self.shape.adapters(self.rank, self.modules)

    @property
    def states(self) -> float:
        """Bytes, on each GPU, of weights, gradients and AdamW's two moments; of a block's whole weights where they are in
        pieces; and of bfloat16 copies of what is trained in floats."""
        frozen = 0 if self.rank is None else self.shape.parameters * (_HALVES if self.bfloat16 else _FLOATS)
        together = (frozen + 4 * _FLOATS * self.trained) / self.processes
        if self.processes > 1:
            together += 2 * (frozen + _FLOATS * self.trained) / self.shape.layers
        return together + _HALVES * self.trained * self.bfloat16

    @property
    def block(self) -> float:
        """Bytes that autograd keeps of one block."""
        shape, size = self.shape, _HALVES if self.bfloat16 else _FLOATS
        query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        each = 4 * size * shape.mlp + self._norms * shape.width
        if shape.family in _CAPPED:
            each += 4 * size * query + 4 * _FLOATS + (self.longest or self.tokens)  # the last of these: who sees whom
        else:
            each += 3 * size * query + 2 * size * key + _FLOATS * (shape.heads + 2)
        if shape.family in _NORMED:
            more = 8 if not self.bfloat16 and self.rank is None else 6 if self.rank is None else 4
            each += more * (query + key) + _FLOATS * (shape.heads + shape.kv_heads)
        if shape.family in _FUSED:
            each += size * (query + key)
        if self.rank is not None:
            each += size * self.rank * len([name for name in shape.linears if self._adapted(name)])
        return each * self.tokens + 8 * self._scores  # of scores, tanh and softmax

    @property
    def _norms(self) -> int:
        """Bytes that a block keeps of what goes into and comes out of its norms, per token and width."""
        if self.shape.family in _CAPPED:
            return 40 if self.rank is None else 26 if self.bfloat16 else 24
        if not self.bfloat16:
            return 24 if self.rank is None else 16
        if self.rank is None:
            return 26
        return 12 if self.shape.family in _FUSED else 18  # every adapted map has its own copy

    def _adapted(self, name: str) -> bool:
        return self.modules == "all-linear" or name in self.modules

    @property
    def kept(self) -> float:
        """Bytes that autograd keeps of a pass, without logits."""
        size = _HALVES if self.bfloat16 else _FLOATS
        blocks = size * self.shape.width * self.tokens if self.checkpointing else self.block
        return self._ends + self.shape.layers * blocks

    @property
    def _ends(self) -> int:
        """Bytes kept before the first block and after the last one."""
        return (14 if self.rank is None else 4 if self.bfloat16 else 10) * self.shape.width * self.tokens

    @property
    def _scores(self) -> int:
        """Scores of a block that exist as a whole, of all heads: soft-capped ones."""
        return self.shape.heads * self.tokens * (self.longest or self.tokens) * (self.shape.family in _CAPPED)

    @property
    def working(self) -> float:
        """Bytes at work going back, beside what is kept: logits and their gradients in three copies of floats (and a half,
        capped); or, with the ends let go, what a block computes again and the gradients of its MLP or of its scores."""
        size = _HALVES if self.bfloat16 else _FLOATS
        copies = 14 if self.shape.family in _CAPPED else 3 * _FLOATS
        logits = copies * min(self.loss_chunk or self.tokens, self.tokens) * self.shape.vocabulary
        inside = max(8 * self.shape.mlp * self.tokens, (_FLOATS + size) * self._scores)
        return max(logits, self.block * self.checkpointing + inside - self._ends)

    @property
    def bytes(self) -> float:
        """The peak on each GPU."""
        return self.states + self.kept + self.working

    @property
    def flops_per_token(self) -> float:
        """Of the matrices: forward 2 N and gradients of what flows 2 N; of the weights too, 2 N, where all are trained."""
        return (6 if self.rank is None else 4) * self.shape.matrices

    def seconds(self, tokens: float, *, flops: float, share: float) -> float:
        """Time for so many tokens at a ``share`` of each GPU's ``flops`` a second; blocks that are computed again count."""
        again = 2 * self.shape.matrices * self.checkpointing
        return tokens * (self.flops_per_token + again) / (flops * share * self.processes)


def training_seconds(entry: dict, tokens: float) -> float:
    """Seconds that an open model of `billions` of weights takes to learn so many tokens on its GPUs, by its config entry."""
    recipe = entry["sft"]
    passes = (4 if recipe["adapter"] == "lora" else 6) + 2 * recipe.get("activation_checkpointing", False)
    return _START + tokens * passes * 1e9 * entry["billions"] / (_FLOPS * _SHARE * max(1, entry["resources"]["gpus"]))
