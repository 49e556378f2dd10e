"""LoRA fine-tuning of a randomly initialised Qwen3-8B on one GPU: tokens a second and share of the measured matrix-product
ceiling (4 N operations a token), peak memory against the formula. `--shape small` tries the same program on a CPU."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

import numpy as np
import torch
from measure import Row, number, table
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Qwen3Config

from rmft.models.footprint import Footprint, shape_of
from rmft.models.learner import Learner
from rmft.models.packed_attention import attention_of
from rmft.models.recipe import Recipe

SHAPES = {
    "qwen3-8b": {
        "vocab_size": 151936, "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "max_position_embeddings": 40960,
    },
    "small": {
        "vocab_size": 2048, "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 384, "max_position_embeddings": 40960,
    },
}  # fmt: skip
LENGTHS = {"qwen3-8b": [4096, 16384], "small": [256, 1024]}
RANK, TARGETS, STEPS = 16, 0.5, 5  # of the adapters; share of tokens that are learnt; timed steps
GOAL = {"qwen3-8b": "at least 0.45", "small": ""}


def wait(device: torch.device) -> float:
    """The clock, when all that was asked for is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def ceiling(device: torch.device, size: int) -> float:
    """Operations a second of a product of square bfloat16 matrices."""
    left = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    times = []
    for _ in range(10):
        start = wait(device)
        left @ left
        times.append(wait(device) - start)
    return 2 * size**3 / float(np.median(times))


def learner_of(shape: str, length: int, device: torch.device, args: argparse.Namespace) -> Learner:
    """The model with fresh adapters, as `sft` would have it."""
    recipe = Recipe(
        "lora", 1, 1e-4, 1, rank=RANK, tokens_per_pass=length, loss_chunk=args.loss_chunk, dtype="bfloat16",
        activation_checkpointing=not args.keep_activations,
    )  # fmt: skip
    attention = attention_of(device, bfloat16=True)
    with torch.device(device):
        config = Qwen3Config(**SHAPES[shape], tie_word_embeddings=False)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation=attention).train()
        model = get_peft_model(model, LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM"))
    if recipe.activation_checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    return Learner(model.to(device), recipe, device)


def step(learner: Learner, optimizer: torch.optim.Optimizer, length: int) -> float:
    """Seconds of one step on one sequence."""
    rng = np.random.default_rng(0)
    row = (rng.integers(3, 2000, length).tolist(), (rng.random(length) < TARGETS).astype(int).tolist())
    tensors, start = learner.pass_of([row]), wait(learner.device)
    (learner(*tensors) / length).backward()
    optimizer.step()
    optimizer.zero_grad()
    return wait(learner.device) - start


def rows_of(shape: str, length: int, device: torch.device, args: argparse.Namespace) -> list[Row]:
    """Speed and memory at one length."""
    learner = learner_of(shape, length, device, args)
    optimizer = torch.optim.AdamW([p for p in learner.parameters() if p.requires_grad], lr=1e-4)
    seconds = float(np.median([step(learner, optimizer, length) for _ in range(2 + STEPS)][2:]))
    known = Footprint(
        shape_of(learner.model.config.to_dict()), length, RANK, "all-linear", True, not args.keep_activations,
        args.loss_chunk,
    )  # fmt: skip
    top = ceiling(device, 8192 if device.type == "cuda" else 1024)
    used = length / seconds * known.flops_per_token
    what, note = (
        f"LoRA of {shape}, one sequence of {length:,} tokens",
        f"{learner.model.config._attn_implementation}, {device}",
    )
    speed = [f"{number(used / 1e12)} TFLOP/s", f"{number(top / 1e12)} TFLOP/s"]
    made = [
        Row(f"{what}: matrix product", *speed, used / top, GOAL[shape], f"{number(length / seconds)} tokens/s; {note}")
    ]
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated()
        off = 100 * abs(known.bytes / peak - 1)
        sizes = [f"{number(size / 2**30)} GiB" for size in (known.bytes, peak)]
        return [*made, Row(f"{what}: memory by the formula; measured", *sizes, off, "at most 10", "ratio: percent off")]
    return [
        *made,
        Row(f"{what}: memory by the formula", f"{number(known.bytes / 2**20)} MiB", note="no GPU to measure it"),
    ]


def main() -> None:
    """All lengths, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="qwen3-8b", help="small: on a CPU")
    parser.add_argument("--lengths", type=int, nargs="+", help="tokens of the sequence")
    parser.add_argument("--loss-chunk", type=int, default=1024, help="positions whose logits exist at once")
    parser.add_argument("--keep-activations", action="store_true", help="compute no block again")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if args.shape != "small" and device.type == "cpu":
        parser.error("no GPU is visible; --shape small tries the program without one")
    found = []
    for length in args.lengths or LENGTHS[args.shape]:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        found += rows_of(args.shape, length, device, args)
    print(table(found))


if __name__ == "__main__":
    main()
