"""Ways to play the same dialogues through vLLM, timed in turn; run by an interpreter that has it, prints JSON.

    python vllm_player.py MODEL REPEATS

Replies are as long as each request's own seed says, whatever the model says: most are short, a few are forty times as long,
as those of models that reason. None of them is an answer, so that a random arm is played: all ways do the same work.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from measure import ROOT, side_by_side

from rmft.core.contexts import context_from_config
from rmft.core.seeding import uniforms
from rmft.core.tasks import draw_episodes, task_from_config
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech
from rmft.models.vllm_engine import VllmEngine, VllmSession, VllmStream, engine_of

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SHORT, LONG, RARE = 4, 160, 0.1


def length(seed: np.uint64) -> int:
    """Tokens of a reply: LONG once in ten times, else SHORT."""
    return LONG if uniforms(seed, 0) < RARE else SHORT


class Uneven(VllmStream):
    """Requests whose replies have the lengths that their seeds say."""

    def sampling(self, seed: np.uint64) -> object:
        """For exactly so many tokens."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        how = {"ignore_eos": True, "detokenize": False, "output_kind": RequestOutputKind.FINAL_ONLY}
        return SamplingParams(temperature=1.0, seed=int(seed) >> 1, max_tokens=length(seed), **how)


class Free(VllmEngine):
    """Every episode on its own."""

    def stream(self) -> Uneven:
        """Where requests are put."""
        return Uneven(self)


class Resending(Uneven):
    """Every prompt as text, tokenised anew, as to a server that is sent messages."""

    def ask(self, name: int, ids: list[int], seed: np.uint64) -> None:
        """Begin a request."""
        text = self.engine.tokenizer.decode(ids)
        self.engine.tokenizer(text, add_special_tokens=False)
        super().ask(name, ids, seed)  # the very same tokens, lest the work differ


class Sender(VllmEngine):
    """Every episode on its own, sent as text."""

    def stream(self) -> Resending:
        """Where requests are put."""
        return Resending(self)


class InStep:
    """All replies of a step before the next step."""

    def __init__(self, engine: VllmEngine) -> None:
        self.engine, self.end_id, self.decode, self.tokenizer = engine, engine.end_id, engine.decode, engine.tokenizer

    def open(self, conversations: int) -> VllmSession:
        """A session of so many conversations."""
        return VllmSession(Uneven(self.engine), conversations)


def seconds(engine: object, horizon: int, episodes: int, name: str) -> tuple[float, float]:
    """Of playing so many episodes of so many steps on streams of a name; and the tokens of an episode."""
    entry = CONFIG["tasks"]["mab-gaussian"] | {"horizon": horizon}
    task, wording = task_from_config("mab-gaussian", entry), ROOT / "workflow/scenarios/buttons.yaml"
    context = context_from_config(yaml.safe_load(wording.read_text()), arms=task.arms)
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": name}
    drawn, start = draw_episodes(task, **where, scenarios=range(episodes), per_scenario=1), time.perf_counter()
    records = play(engine, renderer(engine.tokenizer), context, task, drawn, max_reasks=0)
    return time.perf_counter() - start, sum(len(record.token_ids) for record in records) / episodes


def compared(ours: object, other: object, horizon: int, episodes: int, repeats: int) -> dict:
    """Both sides in turn, on the same episodes; nothing is remembered of the last turn."""
    seconds(ours, 2, 4, "warm"), seconds(other, 2, 4, "warm")
    left, right = (iter(f"turn{turn}" for turn in range(repeats)) for _ in range(2))
    tokens = []

    def one(engine: object, names: Iterator[str]) -> float:
        engine_core = engine.engine if isinstance(engine, InStep) else engine
        engine_core.core.reset_prefix_cache()
        spent, length = seconds(engine, horizon, episodes, next(names))
        tokens.append(length)
        return spent

    spent = side_by_side(lambda: one(ours, left), lambda: one(other, right), repeats)
    return {"horizon": horizon, "episodes": episodes, "spent": spent, "tokens": sum(tokens) / len(tokens)}


def main() -> None:
    """Time all comparisons."""
    folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    policy, speech = Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {}), Speech()
    how = {"temperature": 1.0, "max_new_tokens": LONG}
    engine = engine_of(policy, speech, **how)
    free = Free(**vars(engine))
    forgetting = Sender(**vars(engine_of(policy, speech, **how, enable_prefix_caching=False)))
    rows = [compared(free, InStep(free), 20, 48, repeats), compared(free, forgetting, 60, 16, repeats)]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
