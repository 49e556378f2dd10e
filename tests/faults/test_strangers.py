"""What strangers made is data: nothing in a folder of theirs is run, and what would have to be is refused."""

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rmft.models.policy import Policy, load, load_tokenizer, read_policy

ROOT = Path(__file__).parents[2]
CODE = "from pathlib import Path\nPath({!r}).touch()\nclass M: pass\nclass C: pass\nclass T: pass\n"
SAFE_PARAMS = {
    "contexts",
    "entries",
    "phrases",
    "episodes",
    "scenarios",
    "per_scenario",
    "output",
    "python",  # quoted by rules/models.smk
    "targets",
    "teacher",
}


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, trap: Path):
        self.trap = trap

    def __reduce__(self):
        return Path.touch, (self.trap,)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A ready-made model, to be spoilt."""
    return Path(shutil.copytree(tiny, tmp_path / "model", copy_function=shutil.copyfile))


def stranger(folder: Path, adapter: Path | None = None) -> Policy:
    return Policy("transformers", str(folder), None, str(adapter) if adapter else None, "", None, 0, {})


def with_code(folder: Path, trap: Path) -> None:
    """Have the folder name classes in files of its own, as models with remote code do."""
    (folder / "theirs.py").write_text(CODE.format(str(trap)))
    names = {"config.json": {"AutoConfig": "theirs.C", "AutoModelForCausalLM": "theirs.M"}}
    names["tokenizer_config.json"] = {"AutoTokenizer": ["theirs.T", None]}
    for name, auto in names.items():
        config = json.loads((folder / name).read_text()) | {"auto_map": auto, "model_type": "theirs"}
        config.pop("tokenizer_class", None)
        (folder / name).write_text(json.dumps(config))


def test_a_model_with_code_of_its_own_is_refused_and_runs_nothing(folder: Path, trap: Path) -> None:
    with_code(folder, trap)
    for use in (load, load_tokenizer):
        with pytest.raises(ValueError, match=r"trust_remote_code|theirs|cannot be loaded"):
            use(stranger(folder))
    assert not trap.exists()


def test_pickled_weights_are_refused_and_run_nothing(folder: Path, trap: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save({**weights, "extra": Payload(trap)}, folder / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"safetensors"):
        load(stranger(folder))
    assert not trap.exists()
    pickle.loads(pickle.dumps(Payload(trap)))  # it would have
    assert trap.exists()


def test_a_pickled_adapter_runs_nothing(folder: Path, tmp_path: Path, trap: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    said = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (adapter / "adapter_config.json").write_text(json.dumps(said | {"base_model_name_or_path": str(folder)}))
    torch.save({"extra": Payload(trap)}, adapter / "adapter_model.bin")
    with pytest.raises(Exception, match=r"[Ww]eights.only|safetensors|Unsupported"):
        load(stranger(folder, adapter))
    assert not trap.exists()


def test_a_policy_whose_weights_are_pickled_is_refused(tmp_path: Path, trap: Path) -> None:
    (tmp_path / "model").mkdir()
    torch.save({"extra": Payload(trap)}, tmp_path / "model/pytorch_model.bin")
    policy = Policy("transformers", str(tmp_path / "model"), None, None, "0" * 64, None, 0, {})
    (tmp_path / "policy.json").write_text(policy.to_json())
    with pytest.raises(ValueError, match="no safetensors file"):
        read_policy(tmp_path / "policy.json")
    assert not trap.exists()


def code(suffix: str = "py") -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "workflow").rglob(f"*.{suffix}")}


@pytest.mark.parametrize(
    "pattern",
    [
        r"trust_remote_code(?!\W+False)",
        r"torch\.load\((?!.*weights_only=True)",
        r"\bpickle\b(?!\s*$).*load",
        r"yaml\.(load|unsafe_load|full_load)\((?!.*Loader=)",
        r"shell=True",
        r"os\.(system|popen)",
        r"(?<![\w.\"])(eval|exec)\(",
    ],
)
def test_no_line_of_the_package_runs_what_it_reads(pattern: str) -> None:
    assert [
        f"{name}: {line}" for name, text in code().items() for line in text.splitlines() if re.search(pattern, line)
    ] == []


def test_values_of_the_config_are_quoted_in_every_command() -> None:
    """Only numbers, words of ours and what is quoted already stand in a command as they are."""
    bare = {found for text in code("smk").values() for found in re.findall(r"\{params\.(\w+)\}", text)}
    assert bare <= SAFE_PARAMS
