"""Fine-tuning at size, on shapes that a CPU can: trajectories packed against padded, and the loss over a large vocabulary in
chunks against whole."""

import resource
import subprocess
import sys
import time
from functools import partial

import numpy as np
import torch
from laptop_model import dialogues, engine, folder
from measure import Row, number, side_by_side, table

from rmft.models.learner import Learner
from rmft.models.packed_attention import PACKED
from rmft.models.passes import batches, packs
from rmft.models.policy import Policy, load
from rmft.models.recipe import Recipe
from rmft.models.vocabulary_loss import vocabulary_loss

BATCH, PASS = 16, 8192  # trajectories of a padded batch; tokens of a packed pass
VOCABULARY, WIDTH, POSITIONS, CHUNK = 151936, 256, 1024, 64


def learn(learner: Learner, rows: list, groups: list[np.ndarray]) -> float:
    """Seconds of forward and back over all groups."""
    start = time.perf_counter()
    for group in groups:
        (learner(*learner.pass_of([rows[i] for i in group])) / 1000).backward()
        learner.zero_grad()
    return time.perf_counter() - start


def packing_rows() -> list[Row]:
    """On trajectories of 100 steps as the laptop's model speaks them."""
    rows = [(record.token_ids, record.loss_mask) for record in dialogues(engine(), 100, range(32))]
    lengths, rng = np.array([len(ids) for ids, _ in rows]), np.random.default_rng(0)
    model = load(Policy("transformers", str(folder()), None, None, "", None, 0, {})).train()
    plain = dict(adapter="none", epochs=1, learning_rate=1e-3, batch=BATCH)
    padded, packed = Recipe(**plain), Recipe(**plain, tokens_per_pass=PASS)
    order = rng.permutation(len(lengths))
    ways = {
        "random order, padded": [order[i : i + BATCH] for i in range(0, len(order), BATCH)],
        "like lengths, padded": batches(lengths, BATCH, rng=rng),
    }
    own = packs(lengths, np.arange(len(lengths)), PASS)

    def run(recipe: Recipe, groups: list[np.ndarray]) -> float:
        model.set_attn_implementation(PACKED if recipe.pass_tokens else "sdpa")
        return learn(Learner(model, recipe, torch.device("cpu")), rows, groups)

    found = []
    for name, groups in ways.items():
        ours, other, ratio = side_by_side(partial(run, packed, own), partial(run, padded, groups), 3)
        said = [f"{number(lengths.sum() / seconds)} tokens/s" for seconds in (ours, other)]
        note = f"{len(rows)} trajectories of {lengths.min()} to {lengths.max()} tokens; float32, one thread"
        found.append(Row(f"fine-tuning, T=100, packed: {name}", *said, ratio, "", note))
    return found


def peak(chunk: int) -> float:
    """MB that forward and back of the loss add to a fresh process, at the most; 0: without chunks."""
    done = subprocess.run([sys.executable, __file__, str(chunk)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def added(chunk: int) -> float:
    """The same in this process."""
    torch.manual_seed(0)
    head = torch.nn.Linear(WIDTH, VOCABULARY, bias=False).requires_grad_(False)
    hidden = torch.randn(POSITIONS, WIDTH, requires_grad=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    vocabulary_loss(head, hidden, torch.randint(VOCABULARY, (POSITIONS,)), chunk=chunk or None).backward()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def rows() -> list[Row]:
    """Packing, then the loss."""
    ours, other = peak(CHUNK), peak(0)
    what = f"memory of the loss, {POSITIONS} positions, vocabulary {VOCABULARY:,}: all logits at once"
    note = f"{CHUNK} positions at once; what a fresh process adds at the most; a frozen head"
    return [*packing_rows(), Row(what, f"{number(ours)} MB", f"{number(other)} MB", other / ours, "", note)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(added(int(sys.argv[1])) if sys.argv[1:] else table(rows()))
