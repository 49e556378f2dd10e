import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rmft.models.policy import Policy, load_tokenizer, read_policy, weights_digest


@pytest.fixture
def path(tiny: Path, tmp_path: Path) -> Path:
    """A policy.json with weights of its own."""
    folder = shutil.copytree(tiny, tmp_path / "model")
    policy = Policy("transformers", str(folder), None, None, weights_digest(folder), None, 0, {"stage": "test"})
    (tmp_path / "policy.json").write_text(policy.to_json())
    return tmp_path / "policy.json"


def test_it_is_read_as_it_was_written(path: Path) -> None:
    policy = read_policy(path)
    assert policy.to_json() == path.read_text()
    assert (policy.kind, policy.iteration, policy.made_by) == ("transformers", 0, {"stage": "test"})


def test_an_adapters_weights_are_the_ones_that_count(path: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    policy = Policy("transformers", "some/model", "main", str(adapter), weights_digest(adapter), None, 1, {})
    path.write_text(policy.to_json())
    assert read_policy(path) == policy
    (adapter / "adapter_model.safetensors").write_bytes(b"others")
    with pytest.raises(ValueError, match="are not the ones it names"):
        read_policy(path)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flip_a_bit(path: Path) -> None:
    weights = path.parent / "model/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (Path.unlink, "not a policy"),
    "empty": (lambda path: path.write_text(""), "not a policy"),
    "cut off": (lambda path: path.write_text(path.read_text()[:40]), "not a policy"),
    "bytes": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not a policy"),
    "a list": (lambda path: path.write_text("[1, 2]"), "not a policy"),
    "null": (lambda path: path.write_text("null"), "not a policy"),
    "a key too many": (lambda path: edit(path, colour="red"), "not a policy"),
    "a list for a number": (lambda path: edit(path, iteration=[1]), r"iteration: cannot be \[1\]"),
    "a number for a text": (lambda path: edit(path, model=3), "model: cannot be 3"),
    "another format": (lambda path: edit(path, format=2), "format 2, this program reads 1"),
    "weights changed": (flip_a_bit, "are not the ones it names"),
    "digest changed": (lambda path: edit(path, digest="0" * 64), "are not the ones it names"),
    "weights gone": (lambda path: (path.parent / "model/model.safetensors").unlink(), "no safetensors file"),
    "folder gone": (lambda path: shutil.rmtree(path.parent / "model"), "no safetensors file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_said_in_one_line(path: Path, name: str) -> None:
    damage, said = DAMAGE[name]
    damage(path)
    with pytest.raises(ValueError, match=said) as refused:
        read_policy(path)
    assert str(path.parent) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_digest_is_that_of_all_shards_in_order(tmp_path: Path) -> None:
    (tmp_path / "model-1.safetensors").write_bytes(b"one")
    (tmp_path / "model-2.safetensors").write_bytes(b"two")
    digest = weights_digest(tmp_path)
    (tmp_path / "README.md").write_text("of no matter")
    assert weights_digest(tmp_path) == digest
    (tmp_path / "model-1.safetensors").write_bytes(b"two")
    (tmp_path / "model-2.safetensors").write_bytes(b"one")
    assert weights_digest(tmp_path) != digest


def test_a_saved_tokenizer_is_the_same_with_and_without_a_network(tiny: Path, tmp_path: Path, monkeypatch) -> None:
    policy = Policy("transformers", str(tiny), None, None, "", None, 0, {})
    for offline in (True, False):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
        load_tokenizer(policy).save_pretrained(tmp_path / str(offline))
    one, other = ((tmp_path / str(offline) / "tokenizer_config.json").read_bytes() for offline in (True, False))
    assert one == other
