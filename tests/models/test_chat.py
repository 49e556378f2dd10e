"""Templates of several makes: the pieces must be exactly what the template writes around the messages."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from rmft.models.chat import renderer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_SYSTEM = "{{ '<|im_start|>system\nBe brief.<|im_end|>\n' }}" + CHATML
WITH_BOS = "{{ '<|bos|>' }}" + CHATML.replace("<|im_end|>' + '\n", "<|im_end|>")
TAGS = (
    "{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %}{{ m['content'] }}<|im_end|>{% endif %}{% endfor %}"
)
STRIPS_REASONING = CHATML.replace("m['content']", "m['content'].split('</think>')[-1]")
KEEPING = {"chatml": CHATML, "system": WITH_SYSTEM, "bos": WITH_BOS, "tags": TAGS, "strips": STRIPS_REASONING}
LAST_ONLY = CHATML.replace("in messages", "in messages[-1:]")
CUTS = CHATML.replace("m['content']", "m['content'][:4]")
NUMBERS_TURNS = CHATML.replace("m['role'] +", "m['role'] + loop.index|string +")
NO_END = CHATML.replace("<|im_end|>", "")
SPLITS_THE_END = CHATML.replace("m['content'] +", "m['content'] + ' ' +")
REFUSING = {
    "last message only": LAST_ONLY,
    "cuts": CUTS,
    "numbers turns": NUMBERS_TURNS,
    "no end token": NO_END,
    "text before the end token": SPLITS_THE_END,
    "raises": "{{ raise_exception('no assistant, please') }}",
    "broken": "{% for m in messages %}",
    "none": None,
}
SAID = ["Any button will do, A this time.\nAnswer: A", "I stay with A.\nAnswer: A", "x"]
TOLD = ["Press A or B.", "A paid 0.50", "A paid -0.07\nGo on.", "Once more!"]


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    """A byte-level BPE that never merges across a line's end, as those of the published chat models."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|bos|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*SAID, *TOLD, "user assistant [INST] [/INST]"] * 5, trainer)
    return tokenizer


def with_template(trained: Tokenizer, template: str | None, **changes: object) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained,
        chat_template=template,
        **{"eos_token": "<|im_end|>", "bos_token": "<|bos|>"} | changes,
    )
    tokenizer.name_or_path = "some/model"
    return tokenizer


def whole(tokenizer: PreTrainedTokenizerFast, steps: int) -> list[int]:
    """The ids of the prompt for reply number ``steps``, rendered and tokenised as a whole."""
    messages = [{"role": "user", "content": TOLD[0]}]
    for said, told in zip(SAID[:steps], TOLD[1 : steps + 1], strict=True):
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": told}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("name", KEEPING)
def test_each_prompt_extends_the_last(trained: Tokenizer, name: str, ended: bool) -> None:
    tokenizer = with_template(trained, KEEPING[name])
    render = renderer(tokenizer)
    ids = render.opening(TOLD[0])
    assert ids == whole(tokenizer, 0)
    for step, (said, told) in enumerate(zip(SAID, TOLD[1:], strict=True), start=1):
        ids += tokenizer(said, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * ended
        ids += render.following(told, ended=ended)
        assert ids == whole(tokenizer, step)


def test_the_laptop_models_template_is_kept_too(tiny: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    render = renderer(tokenizer)
    ids = render.opening(TOLD[0])
    for step, (said, told) in enumerate(zip(SAID, TOLD[1:], strict=True), start=1):
        ids += tokenizer(said + "<|end|>", add_special_tokens=False)["input_ids"] + render.following(told, ended=True)
        assert ids == whole(tokenizer, step)


@pytest.mark.parametrize("name", REFUSING)
def test_a_template_that_rewrites_history_is_refused_in_one_line(trained: Tokenizer, name: str) -> None:
    with pytest.raises(ValueError, match=r"^some/model: .*template") as refused:
        renderer(with_template(trained, REFUSING[name]))
    assert "\n" not in str(refused.value)


def test_a_tokenizer_without_an_end_token_is_refused(trained: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"^some/model: "):
        renderer(with_template(trained, CHATML, eos_token=None))
