"""Generation with transformers: episodes of a batch side by side, the cache kept across steps, one seed per request."""

import numpy as np
import torch
from transformers import PreTrainedModel

from rmft.core.seeding import uniforms
from rmft.models.attention import fold
from rmft.models.cache import GrowingCache
from rmft.models.hub import positions_of
from rmft.models.masks import Masks
from rmft.models.policy import Policy, load, load_tokenizer
from rmft.models.speech import Speech, stop_ids


class TransformersEngine:
    """A causal LM of any architecture that transformers loads from a folder or a hub id."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: object,
        *,
        temperature: float,
        max_new_tokens: int,
        speech: Speech = Speech(),  # noqa: B008  frozen
    ) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model, self.tokenizer = model.to(device).eval(), tokenizer
        fold(self.model)
        self.temperature, self.max_new_tokens = temperature, max_new_tokens
        self.stops = frozenset(ids := stop_ids(tokenizer, speech))
        self.end_id = ids[0]
        most = positions_of(self.model.config.to_dict())
        self.context_length = speech.context_length or most
        if most and self.context_length > most:
            raise ValueError(f"context_length: {self.context_length} is more than the model's {most}; lower it")
        self.masks = Masks(self.model.config.get_text_config(), self.context_length)

    def open(self, conversations: int) -> "TransformersSession":
        """A session of so many conversations, all empty."""
        return TransformersSession(self, conversations)

    def decode(self, ids: list[int]) -> str:
        """The text of sampled tokens without the one that ended them; a special token in their midst is no answer."""
        return self.tokenizer.decode(ids[:-1] if ids[-1] in self.stops else ids)


def engine_of(policy: Policy, speech: Speech, *, temperature: float, max_new_tokens: int) -> TransformersEngine:
    """The engine of a policy: its model, its adapter merged."""
    how = {"temperature": temperature, "max_new_tokens": max_new_tokens, "speech": speech}
    return TransformersEngine(load(policy, dtype=speech.dtype), load_tokenizer(policy), **how)


class TransformersSession:
    """B conversations in one batch. Slots of the cache where a row had nothing to add are holes: masked, and dropped when
    they become many. A token's position counts its row's own tokens, so holes change nothing."""

    def __init__(self, engine: TransformersEngine, conversations: int) -> None:
        self.engine, self.device = engine, engine.model.device
        self.cache = GrowingCache()
        self.filled = torch.zeros(conversations, 0, dtype=torch.bool, device=self.device)
        self.positions = torch.zeros(conversations, 0, dtype=torch.long, device=self.device)
        self.pending: list[list[int]] = [[] for _ in range(conversations)]

    def fits(self, row: int, new: int) -> bool:
        """Whether ``new`` more tokens and a reply of the greatest length still fit the model's context."""
        used = int(self.filled[row].sum()) + len(self.pending[row])
        return used + new + self.engine.max_new_tokens <= self.engine.context_length

    def keep(self, rows: list[int]) -> None:
        """Go on with these conversations only, in this order."""
        if rows != list(range(len(self.pending))):
            self._take(torch.tensor(rows, dtype=torch.long, device=self.device))
            self.pending = [self.pending[row] for row in rows]

    @torch.inference_mode()
    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """Append each conversation's new tokens and sample its reply, up to and with the end token where one came."""
        if self.filled.shape[1] and self.filled.float().mean() < 0.8:
            self._take(torch.arange(len(self.pending), device=self.device))
        logits = self._feed([old + new for old, new in zip(self.pending, new_ids, strict=True)])
        replies: list[list[int]] = [[] for _ in new_ids]
        live = list(range(len(new_ids)))
        for draw in range(self.engine.max_new_tokens):
            tokens = self._sample(logits, uniforms(seeds, draw))
            for row in live:
                replies[row].append(tokens[row])
            live = [row for row in live if tokens[row] not in self.engine.stops]
            if not live or draw + 1 == self.engine.max_new_tokens:
                break
            going = set(live)
            logits = self._feed([[token] if row in going else [] for row, token in enumerate(tokens)])
        self.pending = [reply[-1:] for reply in replies]
        return replies

    def _take(self, rows: torch.Tensor) -> None:
        filled = self.filled[rows]
        slots = torch.argsort(~filled, dim=1, stable=True)[:, : int(filled.sum(dim=1).max())]
        self.filled, self.positions = filled.gather(1, slots), self.positions[rows].gather(1, slots)
        self.cache.take(rows, slots)

    def _feed(self, rows: list[list[int]]) -> torch.Tensor:
        """Process each row's tokens (none: a hole); returns the logits after its last one, B x V."""
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=self.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        new = torch.arange(width, device=self.device) >= width - lengths[:, None]
        positions = (self.filled.sum(dim=1, keepdim=True) + new.cumsum(dim=1) - 1).clamp(min=0)
        old = self.filled.shape[1]
        self.filled, self.positions = (
            torch.cat(pair, dim=1) for pair in ((self.filled, new), (self.positions, positions))
        )
        output = self.engine.model(
            input_ids=ids,
            attention_mask=self.engine.masks(self.filled, self.positions, old, self.engine.model.dtype),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]

    def _sample(self, logits: torch.Tensor, uniform: np.ndarray) -> list[int]:
        """One token per row: the inverse of the cumulative distribution at the row's uniform number."""
        if not torch.isfinite(logits).all():
            raise ValueError("the model's logits are not finite; its weights are damaged or its training diverged")
        if self.engine.temperature == 0:
            return logits.argmax(dim=-1).tolist()
        cumulative = (logits.double() / self.engine.temperature).softmax(dim=-1).cumsum(dim=-1)
        target = torch.from_numpy(uniform).to(self.device)[:, None] * cumulative[:, -1:]
        return torch.searchsorted(cumulative, target, right=True).clamp(max=logits.shape[-1] - 1)[:, 0].tolist()
