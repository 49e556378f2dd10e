"""How a language model is fine-tuned: the `sft` of its config entry, and what its optional keys mean when absent."""

from dataclasses import dataclass, fields

DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """``batch``: trajectories of an optimiser step; ``tokens_per_batch``: so many tokens instead, at least.

    ``tokens_per_pass``: trajectories stand end to end, without padding, in passes of at most so many tokens (a longer one
    has a pass of its own), whose gradients add up to a batch's; absent: a batch is one pass of padded rows.
    ``loss_chunk``: positions whose logits exist at once; absent: all. ``dtype``: of products and frozen weights; what is
    trained stays float32. ``checkpoint_minutes``: between checkpoints; absent: none.
    """

    adapter: str
    epochs: int
    learning_rate: float
    batch: int
    rank: int = 8
    alpha: float = 16
    target_modules: str | tuple[str, ...] = "all-linear"
    tokens_per_batch: int | None = None
    tokens_per_pass: int | None = None
    loss_chunk: int | None = None
    dtype: str = "float32"
    activation_checkpointing: bool = False
    checkpoint_minutes: float | None = None

    @property
    def lora(self) -> bool:
        """Whether adapters are trained, and not all weights."""
        return self.adapter == "lora"

    @property
    def adapters(self) -> dict:
        """What the adapters are."""
        return {key: getattr(self, key) for key in ("rank", "alpha", "target_modules")}

    @property
    def bfloat16(self) -> bool:
        """Whether products are taken in bfloat16."""
        return self.dtype == "bfloat16"

    @property
    def pass_tokens(self) -> int | None:
        """Tokens of a pass, where trajectories are packed."""
        return self.tokens_per_pass or self.tokens_per_batch


def recipe_of(settings: dict) -> Recipe:
    """The recipe of a config entry's `sft`. Raises ValueError for keys that are unknown or missing."""
    try:
        recipe = Recipe(**settings)
    except TypeError as error:
        raise ValueError(f"sft: {str(error).replace('Recipe.__init__() ', '')}") from None
    if recipe.dtype not in DTYPES:
        raise ValueError(f"sft.dtype: must be one of {', '.join(DTYPES)}, not {recipe.dtype!r}")
    counts = (
        field.name for field in fields(recipe) if field.name.startswith(("tokens", "loss", "checkpoint", "batch"))
    )
    if wrong := [name for name in counts if (value := getattr(recipe, name)) is not None and not value > 0]:
        raise ValueError(f"sft.{wrong[0]}: must be above 0, not {getattr(recipe, wrong[0])!r}")
    return recipe
