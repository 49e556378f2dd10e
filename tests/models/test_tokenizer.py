from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rmft.core.prompts import Context
from rmft.core.seeding import generator
from rmft.models.crowd import Crowd, dialogues
from rmft.models.pretrain import make_tokenizer
from rmft.models.tokenizer import END, PAD


@pytest.fixture(scope="module")
def pretraining(model_entry: dict) -> dict:
    entry = model_entry["pretraining"]
    return entry | {"crowd": entry["crowd"] | {"horizon": 20}}


@pytest.fixture(scope="module")
def tokenizer(pretraining: dict, context: Context) -> PreTrainedTokenizerFast:
    return make_tokenizer(pretraining, context)


@pytest.fixture(scope="module")
def chats(pretraining: dict, context: Context) -> list:
    return dialogues(Crowd(**pretraining["crowd"]), context, 300, rng=generator("unseen"))


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_dialogues_come_back_as_they_were(tokenizer: PreTrainedTokenizerFast, chats: list) -> None:
    for chat in chats:
        text = tokenizer.apply_chat_template(chat, tokenize=False)
        assert tokenizer.decode(ids_of(tokenizer, text)) == text


@pytest.mark.parametrize(
    "text", ["ünïcode 漢字 🎲", "  two  spaces\n\n", "12.345 and -7.001", "ABBA A.B", "Answer:A", ""]
)
def test_any_text_comes_back_as_it_was(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(ids_of(tokenizer, text)) == text


def test_arms_and_numbers_are_single_tokens_wherever_they_stand(
    tokenizer: PreTrainedTokenizerFast, context: Context
) -> None:
    for name in context.arm_names:
        alone = ids_of(tokenizer, name)
        assert len(alone) == 1
        for text in (context.reply("stay", context.arm_names.index(name)), context.opening(20)):
            assert alone[0] in ids_of(tokenizer, text)
    for hundredths in range(-50, 151):
        number = context.write(hundredths / 100)
        alone = ids_of(tokenizer, number)
        assert len(alone) == 1
        assert alone[0] in ids_of(tokenizer, context.show(0, hundredths / 100))
        assert alone[0] in ids_of(tokenizer, context.reply("best", 0, hundredths / 100))


def test_a_step_costs_at_most_13_tokens(tokenizer: PreTrainedTokenizerFast, chats: list) -> None:
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    assert sum(len(ids_of(tokenizer, text)) for text in texts) / (20 * len(texts)) <= 13


def test_training_again_gives_the_same_tokenizer(
    tokenizer: PreTrainedTokenizerFast, pretraining: dict, context: Context
) -> None:
    again = make_tokenizer(pretraining, context)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_the_saved_one_is_an_ordinary_one(tokenizer: PreTrainedTokenizerFast, chats: list, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(chats[0], tokenize=False)
    assert loaded.apply_chat_template(chats[0], tokenize=False) == text
    assert ids_of(loaded, text) == ids_of(tokenizer, text)
    assert (loaded.eos_token_id, loaded.pad_token_id) == (END, PAD)
    assert loaded.decode([*ids_of(loaded, "B paid 0.50"), END], skip_special_tokens=True) == "B paid 0.50"


def test_arm_names_that_look_like_patterns_are_taken_literally(pretraining: dict, wording: dict) -> None:
    from rmft.core.prompts import context_from_config

    odd = context_from_config(wording | {"arm_names": ["A+", "(B", "C."]}, arms=3)
    tokenizer = make_tokenizer(pretraining, odd)
    text = odd.reply("best", 1, 0.5)
    assert tokenizer.decode(ids_of(tokenizer, text)) == text
