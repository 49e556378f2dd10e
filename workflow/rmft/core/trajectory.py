"""The record of one episode: what was asked, said, chosen and earned."""

from dataclasses import dataclass, field

COMPLETE = "complete"
CONTEXT_EXHAUSTED = "context_exhausted"


@dataclass
class Trajectory:
    """One row of trajectories.parquet. T steps; ``token_ids`` is exactly what the model saw and sampled, in order.

    parse_status per step: ok | reask (read after asking again) | fallback (never read: a random arm) | none (not reached).
    loss_mask: 1 where the token was sampled by the model.
    """

    trajectory_id: str
    scenario_id: str
    episode_seed: int
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    parse_status: list[str] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    loss_mask: list[int] = field(default_factory=list)
    status: str = COMPLETE

    def tell(self, content: str, ids: list[int]) -> None:
        """A message to the model, and the tokens that carry it (with the template's own before and after)."""
        self.messages.append({"role": "user", "content": content})
        self._append(ids, 0)

    def hear(self, content: str, ids: list[int]) -> None:
        """The model's reply, and the tokens that it sampled."""
        self.messages.append({"role": "assistant", "content": content})
        self._append(ids, 1)

    def _append(self, ids: list[int], mask: int) -> None:
        self.token_ids.extend(ids)
        self.loss_mask.extend([mask] * len(ids))
