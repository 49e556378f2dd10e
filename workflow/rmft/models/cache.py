"""A key-value cache that is kept across the steps of a dialogue and never copied to grow by one token."""

import torch
from transformers.cache_utils import Cache, DynamicLayer

_BLOCK = 256


class GrowingLayer(DynamicLayer):
    """One layer's keys and values (B x heads x slots x head_dim) as views of buffers that grow in blocks of slots."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object) -> tuple:
        """Write the new slots behind the old ones; returns views of all of them."""
        used, new = self.get_seq_length(), key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.buffers = [key_states[..., :0, :], value_states[..., :0, :]]
        if used + new > self.buffers[0].shape[-2]:
            self.buffers = [
                _grown(b, s, used, used + new) for b, s in zip(self.buffers, (key_states, value_states), strict=True)
            ]
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[..., used : used + new, :] = states
        self.keys, self.values = (buffer[..., : used + new, :] for buffer in self.buffers)
        return self.keys, self.values

    def take(self, rows: torch.Tensor, slots: torch.Tensor) -> None:
        """Keep, of each of these rows, these slots (len(rows) x S, in order)."""
        index = slots[:, None, :, None].expand(-1, self.keys.shape[1], -1, self.keys.shape[3])
        self.buffers = [torch.gather(kept[rows], 2, index) for kept in (self.keys, self.values)]
        self.keys, self.values = self.buffers


def _grown(buffer: torch.Tensor, states: torch.Tensor, used: int, needed: int) -> torch.Tensor:
    slots = -(-max(needed, used + used // 2) // _BLOCK) * _BLOCK
    grown = states.new_empty(*states.shape[:2], slots, states.shape[3])
    grown[..., :used, :] = buffer[..., :used, :]
    return grown


class GrowingCache(Cache):
    """The cache of all layers; rows and slots can be dropped."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=GrowingLayer)

    def take(self, rows: torch.Tensor, slots: torch.Tensor) -> None:
        """Keep, of each of these rows, these slots."""
        for layer in self.layers:
            layer.take(rows, slots)
