from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rmft.core.contexts import context_from_config
from rmft.core.seeding import generator
from rmft.core.tasks import draw_episodes
from rmft.models.crowd import Chat, Crowd, World, conversations
from rmft.models.pretrain import crowd_of, make_tokenizer
from rmft.models.tokenizer import END, PAD


@pytest.fixture(scope="module")
def training(model_entry: dict) -> dict:
    return model_entry["pretraining"]


@pytest.fixture(scope="module")
def worlds(world: Callable[..., World]) -> list[World]:
    """Two contexts, one with names of several words, an action and shares, a bandit and full information."""
    shares = {"environment": "fol", "output": "distribution", "context": "online-advertising"}
    return [world(horizon=20), world(name="other", horizon=20, **shares)]


@pytest.fixture(scope="module")
def tokenizer(training: dict, worlds: list[World]) -> PreTrainedTokenizerFast:
    return make_tokenizer(training, crowd_of(training), worlds)


def said(training: dict, world: World, episodes: int) -> list[Chat]:
    """Dialogues that the tokenizer was not trained on."""
    where = {"split": "unseen", "seed": 0, "iteration": 0, "policy": "crowd"}
    drawn = draw_episodes(world.task, **where, scenarios=range(episodes), per_scenario=1)
    talks = conversations(crowd_of(training), world.task, world.context, drawn, rng=generator("unseen"))
    return [chat for talk in talks for chat in talk]


@pytest.fixture(scope="module")
def chats(training: dict, worlds: list[World]) -> list[list[Chat]]:
    return [said(training, world, 150) for world in worlds]


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_crowd_of_an_entry_is_all_but_its_tasks(training: dict) -> None:
    crowd = crowd_of(training)
    assert {field.name: getattr(crowd, field.name) for field in fields(Crowd)} | {
        "tasks": training["crowd"]["tasks"]
    } == training["crowd"]


def test_dialogues_come_back_as_they_were(tokenizer: PreTrainedTokenizerFast, chats: list[list[Chat]]) -> None:
    for chat in (chat for of_world in chats for chat in of_world):
        text = tokenizer.apply_chat_template(chat, tokenize=False)
        assert tokenizer.decode(ids_of(tokenizer, text)) == text


@pytest.mark.parametrize(
    "text", ["ünïcode 漢字 🎲", "  two  spaces\n\n", "12.345 and -7.001", "ABBA A.B", "Answer:A", " 0.50", ""]
)
def test_any_text_comes_back_as_it_was(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(ids_of(tokenizer, text)) == text


def test_arms_are_single_tokens_wherever_they_stand(tokenizer: PreTrainedTokenizerFast, worlds: list[World]) -> None:
    for context in (world.context for world in worlds):
        shares = [0.2, 0.5, 0.3]
        replies = [context.reply_shares("any", arm, 0.0, shares) for arm in range(3)]
        for arm, name in enumerate(context.arm_names):
            (alone,) = ids_of(tokenizer, name)
            texts = [context.opening(20), replies[arm], context.reply("stay", arm), context.show(arm, 0.5)]
            texts += [context.show_all(arm, shares), context.summary(2, 20, [1, 0, 0], [0.5, 0, 0])]
            assert all(alone in ids_of(tokenizer, text) for text in texts)


def test_numbers_are_single_tokens_wherever_they_stand(tokenizer: PreTrainedTokenizerFast, worlds: list[World]) -> None:
    context = worlds[0].context
    for hundredths in range(-50, 151):
        (alone,) = ids_of(tokenizer, context.write(hundredths / 100))
        assert alone in ids_of(tokenizer, context.show(0, hundredths / 100))
        assert alone in ids_of(tokenizer, context.reply("best", 0, hundredths / 100))
        assert ids_of(tokenizer, context.show_all(0, [hundredths / 100] * 3)).count(alone) == 3


def test_a_step_costs_at_most_13_tokens(tokenizer: PreTrainedTokenizerFast, chats: list[list[Chat]]) -> None:
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats[0]]
    assert sum(len(ids_of(tokenizer, text)) for text in texts) / (20 * len(texts)) <= 13


def test_a_step_with_all_rewards_and_shares_costs_at_most_40_tokens(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Chat]]
) -> None:
    """Four tokens for each arm that is named with a number, and 16 for the rest."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats[1]]
    assert sum(len(ids_of(tokenizer, text)) for text in texts) / (20 * len(texts)) <= 40


def test_training_again_gives_the_same_tokenizer(
    tokenizer: PreTrainedTokenizerFast, training: dict, worlds: list[World]
) -> None:
    again = make_tokenizer(training, crowd_of(training), worlds)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_the_saved_one_is_an_ordinary_one(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Chat]], tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(chats[1][0], tokenize=False)
    assert loaded.apply_chat_template(chats[1][0], tokenize=False) == text
    assert ids_of(loaded, text) == ids_of(tokenizer, text)
    assert (loaded.eos_token_id, loaded.pad_token_id) == (END, PAD)
    assert loaded.decode([*ids_of(loaded, "B paid 0.50"), END], skip_special_tokens=True) == "B paid 0.50"


def test_arm_names_that_look_like_patterns_are_taken_literally(
    training: dict, wording: dict, worlds: list[World]
) -> None:
    odd = context_from_config(wording | {"arm_names": ["A+", "(B", "C."]}, arms=3)
    tokenizer = make_tokenizer(training, crowd_of(training), [replace(worlds[0], context=odd)])
    text = odd.reply("best", 1, 0.5)
    assert tokenizer.decode(ids_of(tokenizer, text)) == text
