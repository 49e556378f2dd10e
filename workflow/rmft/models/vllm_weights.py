"""The folder of weights that vLLM loads: the model's own, or a copy for a while, with the adapter merged."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig

from rmft.models import scratch
from rmft.models.policy import Policy, load
from rmft.models.widened import head_width, widened

APART = "apart"
_NARROWEST = 32  # numbers in a head that vLLM's attention on CPUs knows


def adapter_rank(policy: Policy) -> int:
    """The rank of the policy's LoRA."""
    return json.loads((Path(policy.adapter) / "adapter_config.json").read_text(encoding="utf-8"))["r"]


@contextmanager
def loadable(policy: Policy, dtype: str | None, *, merge: bool) -> Iterator[str]:
    """A folder or hub id with the policy's weights, for as long as they are being loaded. ``merge``: the adapter into them;
    then, and where heads are too narrow for vLLM on a CPU, it is a copy on the machine's own disk."""
    config = AutoConfig.from_pretrained(policy.model, revision=policy.revision).get_text_config()
    narrow = head_width(config) < _NARROWEST and not torch.cuda.is_available()
    if not narrow and not (policy.adapter and merge):
        yield policy.model
        return
    if narrow and policy.adapter and not merge:
        raise ValueError(f"{policy.model}: heads this narrow are copied; write adapter: merged under vllm of its entry")

    def make(folder: Path) -> None:
        model = load(policy, dtype=dtype)
        (widened(model, _NARROWEST) if narrow else model).save_pretrained(folder)

    said = json.dumps([str(Path(policy.model).resolve()), policy.revision, policy.digest, dtype, narrow])
    with scratch.shared(hashlib.sha256(said.encode()).hexdigest()[:16], make) as folder:
        yield str(folder)
