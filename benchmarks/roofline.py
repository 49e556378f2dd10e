"""How near the transformers engine comes to memory's bandwidth when it decodes: every step must read all weights and the
cache once, whatever else it does. On a GPU, where there is one: `python benchmarks/roofline.py --shape qwen3-8b`; a small
shape on a CPU is the same code."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch
from measure import Row, number, table
from transformers import AutoModelForCausalLM, Qwen3Config

from rmft.core.seeding import derive, fold
from rmft.models.families import FAMILIES, tokenizer_of
from rmft.models.speech import speech_from_config
from rmft.models.transformers_engine import TransformersEngine

SHAPES = {  # hidden, feed-forward, layers, heads, heads of keys and values, size of one, vocabulary
    "small": (512, 1536, 4, 8, 2, 64, 4096),
    "qwen3-8b": (4096, 12288, 36, 32, 8, 128, 151936),
}


class Endless(TransformersEngine):
    """An engine whose replies are as long as they may be."""

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        self.stops = frozenset()


def synchronise() -> None:
    """Wait until the device has done what it was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def bandwidth(device: str, megabytes: int, repeats: int = 5) -> float:
    """Bytes a second that the device reads: the best of a few sums over a large tensor."""
    data, best = torch.ones(megabytes << 18, device=device), 0.0
    for _ in range(repeats):
        synchronise()
        start = time.perf_counter()
        data.sum().item()
        best = max(best, data.nbytes / (time.perf_counter() - start))
    return best


def engine(shape: str, dtype: str, new: int, context: int) -> Endless:
    """An engine of random weights."""
    hidden, forward, layers, heads, shared, width, vocabulary = SHAPES[shape]
    sizes = {"hidden_size": hidden, "intermediate_size": forward, "num_hidden_layers": layers, "head_dim": width}
    sizes |= {"num_attention_heads": heads, "num_key_value_heads": shared, "vocab_size": vocabulary}
    config = Qwen3Config(**sizes, max_position_embeddings=context)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    speech = speech_from_config(FAMILIES["qwen"].speech(context))
    tokenizer = tokenizer_of(FAMILIES["qwen"])
    return Endless(model, tokenizer, temperature=1.0, max_new_tokens=new, speech=speech)


def row(shape: str, dtype: str, episodes: int, prompt: int, new: int, megabytes: int) -> Row:
    """Seconds of a decoded step of all episodes, against those in which memory could be read."""
    player = engine(shape, dtype, new, prompt + 2 * new + 8)
    seeds = fold(derive("roofline"), np.arange(episodes, dtype=np.uint64))
    session, told = player.open(episodes), [[7] * prompt for _ in range(episodes)]
    session.reply(told, seeds)  # the prompt, and a first reply that warms up
    player.max_new_tokens = new
    synchronise()
    start = time.perf_counter()
    session.reply([[7]] * episodes, seeds)
    synchronise()
    step = (time.perf_counter() - start) / new
    weights = sum(p.nbytes for p in player.model.parameters()) - player.model.get_input_embeddings().weight.nbytes
    cache = sum(layer.keys.nbytes + layer.values.nbytes for layer in session.cache.layers)
    read = bandwidth(str(player.model.device), megabytes)
    best = (weights + cache) / read
    megabytes_read = number((weights + cache) / 1e6)
    note = f"{number(episodes / step)} tokens/s; {number(read / 1e9)} GB/s measured; {megabytes_read} MB a step"
    what = f"decoding, {shape}, {dtype}, {episodes} episodes, {prompt} tokens before: a step; memory read once"
    return Row(what, f"{number(step * 1e3)} ms", f"{number(best * 1e3)} ms", best / step, note=note)


def rows() -> list[Row]:
    """The small shape, or on a GPU the large one."""
    if torch.cuda.is_available():
        return [row("qwen3-8b", "bfloat16", episodes, 2048, 64, 4096) for episodes in (16, 64)]
    torch.set_num_threads(1)
    return [row("small", "float32", episodes, 256, 16, 256) for episodes in (1, 16)]


def main() -> None:
    """One shape, as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, help="by default the large one on a GPU, else the small one")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32"))
    parser.add_argument("--episodes", type=int, default=16, help="side by side")
    parser.add_argument("--prompt", type=int, default=2048, help="tokens before what is timed")
    parser.add_argument("--new", type=int, default=64, help="tokens that are timed")
    args = parser.parse_args()
    if args.shape is None:
        print(table(rows()))
    else:
        megabytes = 4096 if torch.cuda.is_available() else 256
        print(table([row(args.shape, args.dtype, args.episodes, args.prompt, args.new, megabytes)]))


if __name__ == "__main__":
    main()
