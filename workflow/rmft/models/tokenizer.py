"""The laptop model's tokenizer: a byte-level BPE trained on the project's own prompts.

Merges may cross spaces, so that a set phrase costs one token; arm names and two-decimal numbers are tokens of their own.
About 11 tokens per step of a dialogue, where a BPE that stops at spaces takes about 25.
"""

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>")
PAD, END, USER, ASSISTANT = range(4)  # their ids
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(texts: Iterable[str], *, arm_names: list[str], numbers: list[str]) -> PreTrainedTokenizerFast:
    """Train on ``texts``; each of ``arm_names`` and ``numbers`` becomes one token that no merge enters."""
    tokenizer = Tokenizer(models.BPE())
    words = Regex(r"-?\d+\.\d\d|\b(?:" + "|".join(map(re.escape, arm_names)) + r")\b")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(name, single_word=True, normalized=False) for name in arm_names])
    tokenizer.add_tokens([AddedToken(number, normalized=False) for number in numbers])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
