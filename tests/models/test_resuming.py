"""A fine-tuning that is stopped goes on to the same bytes; several processes learn what one learns; memory may run out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from rmft.models.checkpoints import Checkpoints
from rmft.models.finetune import finetune
from rmft.models.passes import Rows
from rmft.models.policy import Policy, weights_digest

PACKED = {"tokens_per_pass": 120, "loss_chunk": 32, "activation_checkpointing": True}


@pytest.fixture(scope="module")
def rows(tiny: Path) -> Rows:
    """40 sequences of random tokens, of uneven length."""
    rng, size = np.random.default_rng(0), len(AutoTokenizer.from_pretrained(tiny))
    lengths = rng.integers(10, 60, 40)
    return [(rng.integers(3, size, n).tolist(), rng.integers(0, 2, n).tolist()) for n in lengths]


@pytest.fixture
def base(tiny: Path) -> Policy:
    torch.set_num_threads(1)
    return Policy("transformers", str(tiny), None, None, weights_digest(tiny), None, 0, {})


@pytest.fixture
def deaf() -> Iterator[None]:
    """SIGTERM before the training listens, or after it, ends nothing."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


Tune = Callable[..., list[dict]]


@pytest.fixture
def tune(base: Policy, rows: Rows) -> Tune:
    def run(
        folder: Path, *, rows: Rows = rows, processes: int = 1, scratch: Path | None = None, **keys: object
    ) -> list:
        entry = {"adapter": "none", "rank": 4, "alpha": 8, "epochs": 3, "learning_rate": 0.003, "batch": 8, **keys}
        return finetune(base, rows[:32], rows[32:], entry, folder=folder, seed=5, processes=processes, scratch=scratch)

    return run


@pytest.mark.parametrize("keys", [{}, {"adapter": "lora", **PACKED}], ids=["full-padded", "lora-packed"])
@pytest.mark.usefixtures("deaf")
def test_told_to_stop_again_and_again_it_ends_with_the_same_bytes(tune: Tune, keys: dict, tmp_path: Path) -> None:
    """SIGTERM at random moments, ever later, until one comes too late."""
    curve = tune(tmp_path / "undisturbed", **keys)
    rng, delay, stops = np.random.default_rng(1), 0.3, 0
    while not (tmp_path / "stopped").exists():
        timer = Timer(delay * rng.uniform(0.5, 1), os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        try:
            again = tune(tmp_path / "stopped", scratch=tmp_path / "scratch", checkpoint_minutes=1e-4, **keys)
        except SystemExit as ended:
            assert ended.code == 143
            stops += 1
        timer.cancel()
        delay *= 1.4
    assert stops >= 1
    assert again == curve
    assert bytes_of(tmp_path / "stopped") == bytes_of(tmp_path / "undisturbed")


def test_between_checkpoints_nothing_is_written(tune: Tune, tmp_path: Path) -> None:
    tune(tmp_path / "model", scratch=tmp_path / "scratch", checkpoint_minutes=60, epochs=1)
    assert not (tmp_path / "scratch").exists()


def test_a_damaged_checkpoint_is_one_clear_line(tune: Tune, tmp_path: Path) -> None:
    file = Checkpoints(tmp_path, 60).file
    file.write_bytes(b"\x08" * 20)
    with pytest.raises(ValueError, match="not a checkpoint"):
        tune(tmp_path / "model", scratch=tmp_path, checkpoint_minutes=1)


# Several processes


@pytest.mark.parametrize("keys", [{}, {"adapter": "lora", "dtype": "bfloat16"}], ids=["full", "lora-bfloat16"])
def test_two_processes_learn_what_one_learns(tune: Tune, keys: dict, tmp_path: Path) -> None:
    """Weights in pieces (FSDP), packed passes dealt out. In bfloat16 rounding differs with the order of sums."""
    curves = [tune(tmp_path / str(world), processes=world, epochs=1, tokens_per_pass=240, **keys) for world in (1, 2)]
    near = 1e-2 if keys else 1e-4
    for one, two in zip(*curves, strict=True):
        assert two["validation_loss"] == pytest.approx(one["validation_loss"], rel=near)
    (name,) = (path.name for path in (tmp_path / "1").glob("*.safetensors"))
    one, two = (load_file(tmp_path / str(world) / name) for world in (1, 2))
    assert one.keys() == two.keys()
    assert bytes_of(tmp_path / "1").keys() == bytes_of(tmp_path / "2").keys()
    apart = sum((one[key].float() - two[key].float()).square().sum().item() for key in one) ** 0.5
    assert apart < (0.1 if keys else 0.01) * sum(one[key].float().square().sum().item() for key in one) ** 0.5
    if not keys:
        AutoModelForCausalLM.from_pretrained(tmp_path / "2")


def test_what_goes_wrong_in_a_process_is_one_clear_line(tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lower learning_rate"):
        tune(tmp_path / "model", processes=2, epochs=2, learning_rate=1e30, tokens_per_pass=240)


# Memory

SHORT_OF_MEMORY = """
import json, pathlib, resource, sys
from rmft.models.finetune import finetune
from rmft.models.policy import Policy, weights_digest
import torch, transformers.models.qwen3.modeling_qwen3
torch.set_num_threads(1)
tiny, out, settings = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 700 * 2**20,) * 2)
rows = [([5] * 1500, [0] + [1] * 1499)] * 32
policy = Policy("transformers", str(tiny), None, None, weights_digest(tiny), None, 0, {})
try:
    finetune(policy, rows, [], settings, folder=out, seed=0)
except ValueError as error:
    print(error)
"""


def test_a_limit_of_memory_that_hits_says_what_to_set(tiny: Path, tmp_path: Path) -> None:
    """All rows in one pass, with all their logits."""
    settings = {"adapter": "none", "epochs": 1, "learning_rate": 0.001, "batch": 32}
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(tiny), str(tmp_path / "model"), json.dumps(settings)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert ended.stdout.startswith("sft: out of memory"), ended.stderr
    assert "activation_checkpointing: true" in ended.stdout
    assert not (tmp_path / "model").exists()
