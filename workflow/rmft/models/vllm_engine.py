"""Generation with vLLM: every conversation advances on its own, and what prompts have in common is processed once.

Tokens go in and come out. The engine lives in this process, so that nothing outlives a job that is killed. Imported by name
(rmft.models.engines), from an environment of its own (envs/vllm*.txt).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoConfig

from rmft.models.policy import Policy, load_tokenizer
from rmft.models.speech import Speech, stop_ids
from rmft.models.vllm_weights import APART, adapter_rank, loadable

if TYPE_CHECKING:
    from vllm import LLMEngine, SamplingParams
    from vllm.lora.request import LoRARequest

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process
    "VLLM_NO_USAGE_STATS": "1",  # nothing is sent anywhere
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_COMPUTE_NANS_IN_LOGITS": "1",
    "VLLM_RAISE_ON_LOGIT_NANS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, on a CPU: what runs there is small
}
_BATCH = 8192  # tokens that are processed at a time; more where a conversation may be longer
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM has room for


@dataclass(frozen=True)
class Settings:
    """A model entry's ``vllm``. adapter: merged, into a copy of the weights, or apart, beside them. conversations: under way
    at a time, at most. gpu_memory_utilization: share of a GPU's memory that weights and remembered conversations take."""

    adapter: str = "merged"
    conversations: int = 256
    gpu_memory_utilization: float = 0.9


def settings_from_config(entry: dict) -> Settings:
    """The settings. Raises ValueError, naming the key."""
    try:
        settings = Settings(**entry)
    except TypeError as error:
        raise ValueError(f"--model: vllm: {error}") from None
    if settings.adapter not in ("merged", APART):
        raise ValueError(f"--model: vllm: adapter must be merged or {APART}, not {settings.adapter!r}")
    return settings


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    """Whatever vLLM raises as one clear line: it dies of many things."""
    try:
        yield
    except Exception as error:  # of many kinds
        mend = "the model's weights are damaged or its training diverged" if "NaN" in str(error) else "see above"
        raise ValueError(f"{what}: vLLM stopped ({type(error).__name__}: {error}); {mend}") from error


def _core(
    folder: str, policy: Policy, speech: Speech, settings: Settings, rank: int, others: dict[str, object]
) -> "LLMEngine":
    """A loaded engine. ``rank``: of the adapter that stays apart, or 0. ``others``: arguments of vLLM's instead of ours."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from vllm import EngineArgs, LLMEngine

    room, gpus = next((r for r in _RANKS if r >= rank), rank), torch.cuda.device_count()
    apart = {"enable_lora": True, "max_loras": 1, "max_lora_rank": room} if rank else {}
    config = AutoConfig.from_pretrained(folder, revision=policy.revision)
    length = speech.context_length or config.get_text_config().max_position_embeddings
    own = {
        "model": folder,
        "revision": policy.revision,
        "skip_tokenizer_init": True,
        "dtype": speech.dtype or str(config.dtype).removeprefix("torch."),  # its "auto" halves what is stored in full
        "max_model_len": length,
        "max_num_seqs": settings.conversations,
        "max_num_batched_tokens": max(length, _BATCH),
        "enable_chunked_prefill": False,  # a prompt cut in two would draw once more from its seed
        "enable_prefix_caching": True,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "tensor_parallel_size": max(1, gpus),
        "enforce_eager": not gpus,  # compiling takes longer than a small model plays
        "disable_log_stats": True,
    }
    return LLMEngine.from_engine_args(EngineArgs(**own | apart | others))


def _lora(policy: Policy) -> "LoRARequest":
    """The policy's adapter, under a name that no other weights have: vLLM keeps what it remembers by it."""
    from vllm.lora.request import LoRARequest

    path = os.path.abspath(policy.adapter)
    return LoRARequest(f"{policy.adapter}@{policy.digest}", 1 + int(policy.digest[:7], 16), path)


def engine_of(
    policy: Policy, speech: Speech, *, temperature: float, max_new_tokens: int, **others: object
) -> "VllmEngine":
    """The engine of a policy, on all GPUs that the job sees, or on the CPU where it sees none. ``others``: arguments of
    vLLM's instead of ours."""
    settings, tokenizer = settings_from_config(speech.vllm), load_tokenizer(policy)
    apart = bool(policy.adapter) and settings.adapter == APART
    with loadable(policy, speech.dtype, merge=not apart) as folder, _in_one_line(policy.model):
        core = _core(folder, policy, speech, settings, adapter_rank(policy) if apart else 0, others)
    carried = {"merged": bool(policy.adapter) and not apart, "adapter": _lora(policy) if apart else None}
    return VllmEngine(core, tokenizer, tuple(stop_ids(tokenizer, speech)), temperature, max_new_tokens, **carried)


@dataclass(frozen=True)
class VllmEngine:
    """A loaded model. stops: tokens that end a reply. merged: whether an adapter is in the weights. adapter: one that stays
    apart from them."""

    core: "LLMEngine"
    tokenizer: object
    stops: tuple[int, ...]
    temperature: float
    max_new_tokens: int
    merged: bool = False
    adapter: "LoRARequest | None" = None

    @property
    def end_id(self) -> int:
        """The token that the chat template ends a reply with."""
        return self.stops[0]

    @property
    def played_by(self) -> dict[str, str]:
        """What a result says of the engine that played it."""
        from vllm import __version__

        way = "merged" if self.merged else "none"
        return {"engine": f"vllm {__version__}", "adapter": f"apart: {self.adapter.lora_name}" if self.adapter else way}

    def stream(self) -> "VllmStream":
        """Where requests are put."""
        return VllmStream(self)

    def open(self, conversations: int) -> "VllmSession":
        """A session of so many conversations, all empty, that wait for one another."""
        return VllmSession(self.stream(), conversations)

    def decode(self, ids: list[int]) -> str:
        """The text of sampled tokens without the one that ended them."""
        return self.tokenizer.decode(ids[:-1] if ids[-1] in self.stops else ids)


class VllmStream:
    """Requests under way. What an earlier prompt of a conversation and its reply have in common with the next prompt is
    remembered block by block."""

    def __init__(self, engine: VllmEngine) -> None:
        config = engine.core.vllm_config
        self.engine, self.most = engine, config.scheduler_config.max_num_seqs
        self.capacity = config.cache_config.num_gpu_blocks * config.cache_config.block_size
        self.context_length = config.model_config.max_model_len

    def fits(self, tokens: int) -> bool:
        """Whether a conversation of so many tokens and a reply of the greatest length fit the model's context."""
        return tokens + self.engine.max_new_tokens <= self.context_length

    def sampling(self, seed: np.uint64) -> "SamplingParams":
        """How a reply is sampled."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=self.engine.temperature,
            seed=int(seed) >> 1,  # 63 bits
            max_tokens=self.engine.max_new_tokens,
            stop_token_ids=list(self.engine.stops),
            ignore_eos=True,  # the stops alone end a reply
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def ask(self, name: int, ids: list[int], seed: np.uint64) -> None:
        """Begin a request: all tokens of a conversation so far, and the seed of the reply."""
        from vllm.inputs import TokensPrompt

        prompt, adapter = TokensPrompt(prompt_token_ids=ids), self.engine.adapter
        self.engine.core.add_request(str(name), prompt, self.sampling(seed), lora_request=adapter)

    def answers(self) -> list[tuple[int, list[int]]]:
        """Names and replies of the requests that have ended since: at least one."""
        ended: list = []
        with _in_one_line("a reply"):
            while not ended:
                ended = self.engine.core.step()
        return [(int(output.request_id), list(output.outputs[0].token_ids)) for output in ended]


class VllmSession:
    """Conversations that go on when all have been answered."""

    def __init__(self, stream: VllmStream, conversations: int) -> None:
        self.stream = stream
        self.heard: list[list[int]] = [[] for _ in range(conversations)]

    def fits(self, row: int, new: int) -> bool:
        """Whether ``new`` more tokens and a reply of the greatest length still fit the model's context."""
        return self.stream.fits(len(self.heard[row]) + new)

    def keep(self, rows: list[int]) -> None:
        """Go on with these conversations only, in this order."""
        self.heard = [self.heard[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """Append each conversation's new tokens and sample its reply."""
        self.heard = [old + new for old, new in zip(self.heard, new_ids, strict=True)]
        for row, (ids, seed) in enumerate(zip(self.heard, seeds, strict=True)):
            self.stream.ask(row, ids, seed)
        replies: dict[int, list[int]] = {}
        while len(replies) < len(new_ids):
            replies |= dict(self.stream.answers())
        said = [replies[row] for row in range(len(new_ids))]
        self.heard = [old + ids for old, ids in zip(self.heard, said, strict=True)]
        return said
