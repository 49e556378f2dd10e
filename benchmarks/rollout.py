"""The kept cache: our rollout against `generate` on the whole dialogue at every step, and its growth with T.

The replies are written beforehand, of different lengths, so that both sides do the same work: the same dialogues, the
same tokens. Our engine samples every token and then says the written one; `generate` samples as many tokens as the
longest reply of the step has.
"""

import time

import numpy as np
import torch
from laptop_model import ARMS, CONTEXT, context, dialogues, engine
from measure import Row, number, seconds, side_by_side, table
from transformers import Qwen3Config, Qwen3ForCausalLM

from rmft.core.trajectory import Trajectory
from rmft.models.transformers_engine import TransformersEngine, TransformersSession

REASONS = ("untried", "best", "any", "stay")
EVERY = 10  # generate is timed at every tenth step, and counted ten times: its cost is smooth in the step


class Written(TransformersSession):
    """A session that says what is written: by (row + step) modulo the number of replies."""

    step, said = -1, 0

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """As the session does, from the beginning of the next written reply."""
        self.step, self.said = self.step + 1, 0
        return super().reply(new_ids, seeds)

    def _sample(self, logits: torch.Tensor, uniform: np.ndarray) -> list[int]:
        super()._sample(logits, uniform)
        texts = [self.engine.replies[(row + self.step) % len(self.engine.replies)] for row in range(len(logits))]
        self.said += 1
        return [ids[min(self.said, len(ids)) - 1] for ids in texts]


class Writer(TransformersEngine):
    """An engine whose sessions say what is written, in the strict form."""

    def open(self, conversations: int) -> Written:
        """A session of so many conversations."""
        texts = [context().reply(reason, arm, 0.55) for reason in REASONS for arm in range(ARMS)]
        self.replies = [[*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.end_id] for text in texts]
        return Written(self, conversations)


class Counter(TransformersEngine):
    """An engine that counts its passes: each ends in one token for every conversation that still speaks."""

    passes = 0

    def open(self, conversations: int) -> "Counted":
        """A session of so many conversations."""
        return Counted(self, conversations)


class Counted(TransformersSession):
    """A session that counts its passes."""

    def _sample(self, logits: torch.Tensor, uniform: np.ndarray) -> list[int]:
        self.engine.passes += 1
        return super()._sample(logits, uniform)


def kept(writer: Writer, horizon: int, episodes: int) -> float:
    """Seconds of our rollout."""
    start = time.perf_counter()
    dialogues(writer, horizon, range(episodes))
    return time.perf_counter() - start


def begins(record: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Where each reply of a dialogue begins, and where it ends (exclusive)."""
    edges = np.diff(np.array([0, *record.loss_mask, 0]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def refilled(writer: Writer, records: list[Trajectory]) -> float:
    """Seconds of `generate` at every EVERY-th step on the dialogues so far, times EVERY."""
    places, spent = [begins(record) for record in records], 0.0
    for step in range(EVERY // 2, len(records[0].actions), EVERY):
        prompts = [record.token_ids[: first[step]] for record, (first, _) in zip(records, places, strict=True)]
        longest = max(int(last[step] - first[step]) for first, last in places)
        width = max(map(len, prompts))
        start = time.perf_counter()
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        new = {"max_new_tokens": longest, "min_new_tokens": longest}
        writer.model.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, pad_token_id=0, **new
        )
        spent += time.perf_counter() - start
    return spent * EVERY


def cache_row(writer: Writer, episodes: int, repeats: int) -> Row:
    """The kept cache against `generate`."""
    records = dialogues(writer, 100, range(episodes))
    ours, other, ratio = side_by_side(lambda: kept(writer, 100, episodes), lambda: refilled(writer, records), repeats)
    length, per_step = len(records[0].token_ids), sum(records[0].loss_mask) / 100
    note = f"`generate` on left-padded token ids; {length} tokens a dialogue, {per_step:.1f} sampled a step"
    return Row(
        f"rollout, T=100, {episodes} episodes: every step refilled",
        seconds(ours),
        seconds(other),
        ratio,
        "at least 8",
        note,
    )


def growth_row(writer: Writer, episodes: int, repeats: int, model: str = "") -> Row:
    """T = 200 against T = 50: linear work would give 4, attention alone 16."""
    short, long, ratio = side_by_side(lambda: kept(writer, 50, episodes), lambda: kept(writer, 200, episodes), repeats)
    note = "4: every step costs the same; 16: attention to the whole dialogue is all that costs"
    return Row(
        f"rollout, {model}{episodes} episodes: time(T=200) / time(T=50)",
        seconds(short),
        seconds(long),
        ratio,
        "at most 5",
        note,
    )


def sampled_row(horizon: int, episodes: int) -> Row:
    """What the model really says: how long its replies are, and how many passes a batch makes for its longest one."""
    player, start = engine(Counter), time.perf_counter()
    records = dialogues(player, horizon, range(episodes))
    spent, steps = time.perf_counter() - start, horizon * episodes
    tokens = sum(sum(record.loss_mask) for record in records) / steps
    failed = sum(status != "ok" for record in records for status in record.parse_status) / steps
    what = f"rollout as sampled, T={horizon}, {episodes} episodes: passes a step, and tokens sampled a step"
    note = f"{number(100 * failed)}% of steps asked again; {number(steps / spent)} steps a second"
    return Row(what, number(player.passes / horizon), number(tokens), note=note)


def wide() -> Writer:
    """The writer with random weights in the proportions of Qwen3-8B, a quarter as wide. In ours the cache outweighs the
    weights."""
    shape = {"hidden_size": 1024, "num_hidden_layers": 2, "intermediate_size": 3072, "head_dim": 128}
    heads = {"num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT}
    torch.manual_seed(0)
    small = engine(Writer)
    model = Qwen3ForCausalLM(Qwen3Config(vocab_size=len(small.tokenizer), **shape, **heads))
    return Writer(model, small.tokenizer, temperature=1.0, max_new_tokens=small.max_new_tokens)


def rows(repeats: int = 3) -> list[Row]:
    """The kept cache, growth with T (few episodes side by side, and many), and what is really sampled."""
    writer = engine(Writer)
    kept(writer, 5, 16)
    growth = [
        growth_row(writer, 64, 2),
        growth_row(writer, 16, repeats),
        growth_row(wide(), 8, 1, "a quarter of Qwen3-8B's width, "),
    ]
    return [cache_row(writer, 64, repeats), *growth, sampled_row(20, 512), sampled_row(100, 64)]


if __name__ == "__main__":
    print(table(rows()))
