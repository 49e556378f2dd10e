"""policy.json: what plays in a cell, small and complete, with the digest of the weights it stands for."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rmft.models import seals

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMAT = 1
SAFE = {"trust_remote_code": False, "use_safetensors": True}  # a stranger's folder is data: no code, no pickle
KINDS = ("transformers", "numeric", "api")


@dataclass(frozen=True)
class Policy:
    """``model``: a Hugging Face folder (or a hub id, with its revision). ``adapter``: a PEFT folder on top of it, or None.
    ``kind``: transformers, or numeric: a network with numbers in and out, ``model`` a folder of rmft.models.numbers; or api:
    a model that its provider knows by the name ``model``.

    ``digest``: sha256 over the safetensors of the last thing that was trained (adapter or model); "" for a hub id or an API.
    """

    kind: str
    model: str
    revision: str | None
    adapter: str | None
    digest: str
    parent: str | None
    iteration: int
    made_by: dict
    format: int = FORMAT

    def to_json(self) -> str:
        """The text of policy.json."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read_policy(path: Path) -> Policy:
    """Read policy.json and check that the weights are the ones it names. Raises ValueError with the file and the mend."""
    seals.check(path)
    try:
        policy = Policy(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a policy ({error}); delete it to have it made again") from None
    for field in fields(policy):
        if not isinstance(value := getattr(policy, field.name), field.type):
            raise ValueError(f"{path}: {field.name}: cannot be {value!r:.100}; delete the file to have it made again")
    if policy.kind not in KINDS:
        raise ValueError(f"{path}: kind {policy.kind!r} is none of {', '.join(KINDS)}; delete it to have it made again")
    if policy.format != FORMAT:
        raise ValueError(
            f"{path}: format {policy.format}, this program reads {FORMAT}; delete it to have it made again"
        )
    weights = Path(policy.adapter or policy.model)
    if policy.iteration and policy.digest and weights.parent.absolute() != path.parent.absolute():
        raise ValueError(f"{path}: is of another cell, that of {weights}; delete it to have it made again")
    if policy.digest and weights_digest(Path(policy.adapter or policy.model)) != policy.digest:
        raise ValueError(
            f"{path}: the weights in {policy.adapter or policy.model} are not the ones it names; delete both"
        )
    return policy


def weights_digest(folder: Path) -> str:
    """sha256 over a folder's safetensors files, in the order of their names. Raises ValueError where there is none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{folder}: no safetensors file; run the stage that makes it again")
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def load_tokenizer(policy: Policy) -> object:
    """The tokenizer of the policy's model. Raises ValueError, naming the model, where it cannot be loaded."""
    from transformers import AutoTokenizer  # as below

    try:
        tokenizer = AutoTokenizer.from_pretrained(policy.model, revision=policy.revision, trust_remote_code=False)
    except Exception as error:  # of many kinds, some of them bare
        raise ValueError(f"{policy.model}: its tokenizer cannot be loaded ({error}); make the model again") from None
    for how in ("is_local", "local_files_only"):  # it was found, which its library would write beside what it is
        tokenizer.init_kwargs.pop(how, None)
    return tokenizer


def load(
    policy: Policy,
    *,
    trainable_adapter: dict | None = None,
    dtype: str | None = None,
    attention: str | None = None,
) -> "PreTrainedModel":
    """The policy's model with its adapter merged; with ``trainable_adapter`` (rank, alpha, target_modules), a LoRA on top:
    the policy's own, or a fresh one. ``dtype`` of its weights, None: as they are stored. ``attention``: how it
    attends, None: as transformers has it.
    """
    from transformers import AutoModelForCausalLM  # not needed to read or write policy.json

    chosen = {"dtype": dtype, "attn_implementation": attention}
    given = SAFE | {key: value for key, value in chosen.items() if value is not None}
    model = AutoModelForCausalLM.from_pretrained(policy.model, revision=policy.revision, **given)
    if policy.adapter:
        from peft import PeftModel  # 3 s to import: only where there is an adapter

        model = PeftModel.from_pretrained(model, policy.adapter, is_trainable=trainable_adapter is not None)
        return model if trainable_adapter else model.merge_and_unload()
    if trainable_adapter:
        from peft import LoraConfig, get_peft_model

        rank, alpha = trainable_adapter["rank"], trainable_adapter["alpha"]
        targets = trainable_adapter.get("target_modules", "all-linear")
        model = get_peft_model(
            model, LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, task_type="CAUSAL_LM")
        )
    return model
