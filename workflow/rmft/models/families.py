"""Small models of the architectures of the paper's open models, with random weights: real classes, templates that behave as
the published ones, a byte-level tokenizer trained in memory. What plays, trains and serves is tried on them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    Phi3Config,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

_WORDS = (  # what a tokenizer of 512 tokens learns its merges from
    "Press one of the buttons A, B, C, 20 times. Earn as much as you can. A paid 0.41 B paid 0.67 C paid -0.03 "
    "Which button now? I have not tried B yet. B has paid best so far, 0.62 on average. Any button will do, C this time. "
    "Answer: A Answer: B Answer: C Not understood. End with one line like this: Answer: A user assistant model system "
    "Cutting Knowledge Date: December 2023 Today Date: 26 Jul 2024 You are a helpful assistant. <think> </think>"
)

_PHI = (
    "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
    "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}"
    "{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}"
    "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
_GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
_QWEN = (
    "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{%- endif %}"
    "{%- set ns = namespace(last=messages|length - 1, open=true) %}"
    "{%- for message in messages[::-1] %}{%- if ns.open and message.role == 'user' %}{%- set ns.open = false %}"
    "{%- set ns.last = (messages|length - 1) - loop.index0 %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}"
    "{%- elif message.role == 'assistant' %}{%- set content = message.content %}{%- set reasoning = '' %}"
    "{%- if '</think>' in content %}{%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1] %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.last and (loop.last or reasoning) %}"
    "{{- '<|im_start|>assistant\n<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}"
    "{%- else %}{{- '<|im_start|>assistant\n' + content }}{%- endif %}{{- '<|im_end|>\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
)
_LLAMA = (
    "{{- bos_token }}{%- if not date_string is defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}{{- 'Cutting Knowledge Date: December 2023\n' }}"
    "{{- 'Today Date: ' + date_string + '\n\n' }}{{- system_message }}{{- '<|eot_id|>' }}"
    "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)


def _phi(shape: dict, window: int) -> PreTrainedConfig:
    factors = shape["hidden_size"] // shape["num_attention_heads"] // 2
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + 0.05 * i for i in range(factors)],
        "long_factor": [1.0 + 2.0 * i for i in range(factors)],
    }
    positions = shape.pop("max_position_embeddings")
    return Phi3Config(
        **shape,
        num_key_value_heads=shape["num_attention_heads"],
        max_position_embeddings=8 * positions,
        original_max_position_embeddings=positions,
        rope_parameters=rope,
        sliding_window=window,
    )


def _gemma(shape: dict, window: int) -> PreTrainedConfig:
    width = shape["hidden_size"] // shape["num_attention_heads"]
    return Gemma2Config(
        **shape,
        num_key_value_heads=shape["num_attention_heads"] // 2,
        head_dim=width,
        query_pre_attn_scalar=width,
        sliding_window=window,
        attn_logit_softcapping=5.0,
        final_logit_softcapping=30.0,
    )


def _qwen(shape: dict, window: int) -> PreTrainedConfig:
    heads = shape["num_attention_heads"]
    return Qwen3Config(**shape, num_key_value_heads=heads // 2, head_dim=shape["hidden_size"] // heads)


def _llama(shape: dict, window: int) -> PreTrainedConfig:
    scaling = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    rope = {"rope_type": "llama3", "rope_theta": 500000.0, **scaling}
    return LlamaConfig(**shape, num_key_value_heads=shape["num_attention_heads"] // 2, rope_parameters=rope)


@dataclass(frozen=True)
class Family:
    """An architecture with its special tokens, of which ``bos``, ``eos`` and ``pad`` are three and ``ends`` ends a turn; its
    template; how its entry in the config says that it is spoken to. ``trims``: its special tokens swallow blanks after them.
    """

    config: Callable[[dict, int], PreTrainedConfig]
    special: tuple[str, ...]
    bos: str | None
    eos: str
    pad: str
    ends: str
    template: str
    system_role: bool
    history: str = "keep"
    trims: bool = False

    def speech(self, context_length: int) -> dict:
        """The keys of a model's entry that say how it is spoken to."""
        said = {"dtype": "float32", "context_length": context_length, "stop": [self.ends], "history": self.history}
        return said | {"system_role": self.system_role}


FAMILIES = {
    "phi": Family(
        _phi,
        ("<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        *("<s>", "<|endoftext|>", "<|endoftext|>", "<|end|>"),
        _PHI,
        system_role=True,
        trims=True,
    ),
    "gemma": Family(
        _gemma,
        ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        *("<bos>", "<eos>", "<pad>", "<end_of_turn>"),
        _GEMMA,
        system_role=False,
    ),
    "qwen": Family(
        _qwen,
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"),
        *(None, "<|im_end|>", "<|endoftext|>", "<|im_end|>"),
        _QWEN,
        system_role=True,
        history="no_think",
    ),
    "llama": Family(
        _llama,
        ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        *("<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>", "<|eot_id|>"),
        _LLAMA,
        system_role=True,
    ),
}


def tokenizer_of(family: Family, texts: tuple[str, ...] = (_WORDS,)) -> PreTrainedTokenizerFast:
    """A byte-level BPE, whose merges stop at spaces and lines, with the family's special tokens and template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=[
            AddedToken(name, special=name not in ("<think>", "</think>"), rstrip=family.trims and name[1] == "|")
            for name in family.special
        ],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=family.bos,
        eos_token=family.eos,
        pad_token=family.pad,
        chat_template=family.template,
        clean_up_tokenization_spaces=False,
    )


def model_of(
    family: Family,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int = 0,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    context_length: int = 512,
    window: int = 48,
) -> PreTrainedModel:
    """A model of random weights, sharp enough that the likeliest token is clear, which ends a reply now and then.

    window: of the layers that slide, where the architecture has some.
    """
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": context_length,
        "initializer_range": 0.15,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(family.config(shape, window))
    _let_it_end(model, tokenizer.convert_tokens_to_ids(family.ends))
    return model


@torch.no_grad()
def _let_it_end(model: PreTrainedModel, end: int) -> None:
    """Let every embedding share its first number, which no layer changes, and the end of a turn alone be read off it."""
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight[0] = 0
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if inputs is not outputs:
        outputs *= 2
        outputs[:, 0] = 0
    inputs[:, 0] = 1.0
    outputs[end] = 0
    outputs[end, 0] = 16.0 if inputs is not outputs else 2.7


def save(family: str, folder: Path, **shape: int) -> dict:
    """Write a model of a family, by its name, to a folder as published ones are; returns how it is spoken to, as the keys of
    its entry in the config. ``shape``: as ``model_of`` takes it."""
    kind = FAMILIES[family]
    tokenizer = tokenizer_of(kind)
    model_of(kind, tokenizer, **shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return kind.speech(shape.get("context_length", 512))
