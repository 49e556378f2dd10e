from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from crowd_rows import Row, row_of, talk
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rmft.models.answer import answer_alone
from rmft.models.crowd import Crowd, World
from rmft.models.finetune import finetune
from rmft.models.learner import loss_of
from rmft.models.passes import batches, collate
from rmft.models.policy import Policy, load, weights_digest


@pytest.fixture(scope="module")
def rows(tokenizer: PreTrainedTokenizerBase, world: Callable[..., World], crowd: Crowd) -> list[Row]:
    """Of 24 dialogues of a greedy crowd."""
    greedy = dict.fromkeys(crowd.mixture, 0.0) | {"greedy": 1.0}
    chats = talk(replace(crowd, mixture=greedy, exploit_share=0), world(), 24)
    return [row_of(tokenizer, chat) for chat in chats]


@pytest.fixture
def base(tiny: Path) -> Policy:
    return Policy("transformers", str(tiny), None, None, weights_digest(tiny), None, 0, {})


@pytest.fixture
def model(tiny: Path) -> torch.nn.Module:
    torch.set_num_threads(1)
    return AutoModelForCausalLM.from_pretrained(tiny).train()


def naive_loss(model: torch.nn.Module, rows: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """Row by row, all logits, every masked token in turn."""
    total = torch.zeros(())
    for ids, mask in rows:
        log_p = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        total = total - sum(log_p[i - 1, ids[i]] for i in range(1, len(ids)) if mask[i])
    return total


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in model.parameters()]


def test_loss_and_gradient_are_those_of_the_masked_tokens_alone(model: torch.nn.Module, rows: list) -> None:
    cut = [(ids[: 40 + 7 * i], mask[: 40 + 7 * i]) for i, (ids, mask) in enumerate(rows[:4])]  # uneven: padding
    ours, naive = loss_of(model, *collate(cut)), naive_loss(model, cut)
    assert ours.item() == pytest.approx(naive.item(), rel=1e-5)
    for one, other in zip(gradients(model, ours), gradients(model, naive), strict=True):
        assert torch.allclose(one, other, atol=1e-4 * other.abs().max())


def test_what_the_model_was_told_is_no_target(model: torch.nn.Module, rows: list) -> None:
    """Another token after the last reply, where it is told something: the loss stays; in the reply: it does not."""
    ids, mask = rows[0]
    last = len(mask) - 1
    told, said = ([*ids, 5], [*mask, 0]), ([*ids[:last], 5], mask)
    assert loss_of(model, *collate([told])).item() == pytest.approx(
        loss_of(model, *collate([rows[0]])).item(), rel=1e-6
    )
    other = ([*ids, 6], [*mask, 0])
    assert loss_of(model, *collate([other])).item() == loss_of(model, *collate([told])).item()
    assert loss_of(model, *collate([said])).item() != loss_of(model, *collate([rows[0]])).item()


def test_padding_and_company_change_no_loss(model: torch.nn.Module, rows: list) -> None:
    short = (rows[0][0][:30], rows[0][1][:30])
    alone = [loss_of(model, *collate([row])).item() for row in (short, rows[1])]
    assert loss_of(model, *collate([short, rows[1]])).item() == pytest.approx(sum(alone), rel=1e-5)


@pytest.mark.parametrize("size", [1, 4, 16])
def test_batches_hold_every_row_once(size: int) -> None:
    lengths = np.random.default_rng(0).integers(10, 300, 1001)
    made = batches(lengths, size, rng=np.random.default_rng(1))
    assert sorted(np.concatenate(made).tolist()) == list(range(1001))
    assert max(map(len, made)) == size
    assert all(lengths[batch].sum() >= 0.95 * len(batch) * lengths[batch].max() for batch in made)
    other = batches(lengths, size, rng=np.random.default_rng(2))
    assert [batch.tolist() for batch in other] != [batch.tolist() for batch in made]


def test_at_most_5_percent_is_padding(
    tokenizer: PreTrainedTokenizerBase, world: Callable[..., World], crowd: Crowd
) -> None:
    """On lengths as they come: dialogues of 20 steps in batches of 16, also where some were asked again."""
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in talk(crowd, world(horizon=20), 128)]
    lengths = np.array([len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts])
    lengths[::9] += 30
    made = batches(lengths, 16, rng=np.random.default_rng(0))
    processed = sum(len(batch) * lengths[batch].max() for batch in made)
    assert 1 - lengths.sum() / processed <= 0.05


def test_reasoning_that_is_no_target_changes_no_loss(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, rows: list[Row]
) -> None:
    """The loss of final lines alone is that of their tokens, given the reasoning."""
    cut = [answer_alone(row, tokenizer) for row in rows[:3]]
    ours, naive, whole = loss_of(model, *collate(cut)), naive_loss(model, cut), naive_loss(model, rows[:3])
    assert ours.item() == pytest.approx(naive.item(), rel=1e-5)
    assert 0 < ours.item() < whole.item()


# Training


@pytest.fixture
def settings(model_entry: dict) -> dict:
    return model_entry["sft"] | {"epochs": 3, "learning_rate": 0.003}


def test_full_fine_tuning_learns_its_data_and_is_an_ordinary_model(
    base: Policy, rows: list, settings: dict, tmp_path: Path
) -> None:
    curve = finetune(base, rows[:20], rows[20:], settings | {"adapter": "none"}, folder=tmp_path, seed=1)
    assert [point["epoch"] for point in curve] == [0, 1, 2, 3]
    assert curve[-1]["train_loss"] < 0.9 * curve[1]["train_loss"]
    saved = AutoModelForCausalLM.from_pretrained(tmp_path)
    loss = naive_loss(saved, rows[20:]).item() / sum(sum(mask) for _, mask in rows[20:])
    assert loss == pytest.approx(curve[-1]["validation_loss"], rel=1e-4)
    assert len(AutoTokenizer.from_pretrained(tmp_path)) == saved.config.vocab_size


def test_lora_learns_its_data_and_is_an_ordinary_adapter(
    base: Policy, rows: list, settings: dict, tmp_path: Path
) -> None:
    before = {name: p.clone() for name, p in AutoModelForCausalLM.from_pretrained(base.model).named_parameters()}
    tuned = settings | {"adapter": "lora", "learning_rate": 0.01}
    curve = finetune(base, rows[:20], rows[20:], tuned, folder=tmp_path, seed=1)
    assert curve[-1]["train_loss"] < 0.95 * curve[1]["train_loss"]
    plain = AutoModelForCausalLM.from_pretrained(base.model)
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, before[name])  # the base model's folder is as it was
    adapted = PeftModel.from_pretrained(plain, tmp_path)
    tokens = sum(sum(mask) for _, mask in rows[20:])
    assert naive_loss(adapted, rows[20:]).item() / tokens == pytest.approx(curve[-1]["validation_loss"], rel=1e-4)
    merged = load(Policy("transformers", base.model, None, str(tmp_path), weights_digest(tmp_path), None, 1, {}))
    assert not hasattr(merged, "peft_config")
    assert naive_loss(merged, rows[20:]).item() / tokens == pytest.approx(curve[-1]["validation_loss"], rel=1e-3)


def test_a_second_lora_goes_on_from_the_first(base: Policy, rows: list, settings: dict, tmp_path: Path) -> None:
    tuned = settings | {"adapter": "lora", "learning_rate": 0.01}
    first = finetune(base, rows[:20], rows[20:], tuned, folder=tmp_path / "a", seed=1)
    adapter = tmp_path / "a"
    parent = Policy("transformers", base.model, None, str(adapter), weights_digest(adapter), None, 1, {})
    second = finetune(parent, rows[:20], rows[20:], tuned, folder=tmp_path / "b", seed=2)
    assert second[0]["validation_loss"] == pytest.approx(first[-1]["validation_loss"], rel=1e-3)
    assert second[-1]["train_loss"] < first[-1]["train_loss"]
    assert weights_digest(tmp_path / "b") != parent.digest


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_the_same_seed_gives_the_same_bytes(
    base: Policy, rows: list, settings: dict, tmp_path: Path, adapter: str
) -> None:
    def weights(name: str, seed: int) -> str:
        tuned = settings | {"adapter": adapter, "epochs": 1}
        finetune(base, rows[:8], rows[8:10], tuned, folder=tmp_path / name, seed=seed)
        return weights_digest(tmp_path / name)

    assert weights("a", 1) == weights("b", 1) != weights("c", 2)


def test_nothing_held_out_is_no_loss_of_zero(base: Policy, rows: list, settings: dict, tmp_path: Path) -> None:
    curve = finetune(base, rows[:4], [], settings | {"epochs": 1}, folder=tmp_path, seed=1)
    assert [point["validation_loss"] for point in curve] == [None, None]


def test_nothing_to_train_on_is_refused(base: Policy, settings: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no trajectory"):
        finetune(base, [], [], settings, folder=tmp_path, seed=1)


def test_a_learning_rate_that_diverges_is_refused_and_nothing_is_saved(
    base: Policy, rows: list, settings: dict, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="learning_rate"):
        finetune(base, rows[:8], rows[8:10], settings | {"learning_rate": 1e30}, folder=tmp_path, seed=1)
    assert list(tmp_path.iterdir()) == []
