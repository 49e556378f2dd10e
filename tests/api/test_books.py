"""Journals, accounts, training files and bills: what is kept, refused and reckoned without a word sent."""

import json
import threading
from pathlib import Path

import pytest
from shop import TERMS, closed_config

from rmft.models.openai_examples import examples, last_lines
from rmft.models.openai_spending import Spending, total
from rmft.models.openai_store import Journal, recall, remember
from rmft.models.openai_terms import terms_from_config
from rmft.stages.check_config import complaint
from rmft.stages.config_files import lay_over, read_configs

ROOT = Path(__file__).parents[2]
CONFIGS = [ROOT / name for name in ("config.yaml", "config.laptop.yaml")]
LIMITED = terms_from_config(TERMS)
CHAT = [{"role": "user", "content": "Press."}, {"role": "assistant", "content": "Why not.\nAnswer: A"}]


def test_a_line_that_a_crash_cut_off_is_bought_again_and_the_others_are_not(tmp_path):
    path = tmp_path / "replies.jsonl"
    journal = Journal(path)
    journal.add({"a": {"text": "1"}, "b": {"text": "2"}})
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"key": "c", "te')
    again = Journal(path)
    assert again.replies == {"a": {"text": "1"}, "b": {"text": "2"}}
    again.add({"a": {"text": "other"}, "c": {"text": "3"}})
    again.close()
    assert Journal(path).replies == {"a": {"text": "1"}, "b": {"text": "2"}, "c": {"text": "3"}}


def test_a_damaged_journal_is_one_line(tmp_path):
    (tmp_path / "replies.jsonl").write_text("nonsense\n")
    with pytest.raises(ValueError, match=r"replies.jsonl: cannot be read .* replies that were paid for"):
        Journal(tmp_path / "replies.jsonl")


def test_ids_are_whole_or_not_there(tmp_path):
    path = tmp_path / "deep/ids.json"
    assert recall(path) == {}
    remember(path, file="file-1")
    assert remember(path, job="ftjob-1") == recall(path) == {"file": "file-1", "job": "ftjob-1"}
    path.write_text('{"file": "fi')
    with pytest.raises(ValueError, match=r"ids.json: cannot be read"):
        recall(path)


def test_purchasers_side_by_side_never_reserve_more_than_the_limit(tmp_path):
    granted = []

    def buy(name):
        spending = Spending(tmp_path / f"{name}.json", 1.0)
        for _ in range(20):
            try:
                spending.reserve(0.03, "something")
            except ValueError:
                continue
            granted.append(0.03)
            assert total(tmp_path) <= 1.0 + 8 * 0.03  # claims that are about to be taken back among them

    buyers = [threading.Thread(target=buy, args=(i,)) for i in range(8)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    assert 0 < sum(granted) <= 1.0
    assert total(tmp_path) == pytest.approx(sum(granted))


def test_the_account_says_what_the_journal_says(tmp_path):
    spending = Spending(tmp_path / "a.json", 1.0, [{"usd": 0.2, "prompt": 10, "sampled": 3}])
    spending.reserve(0.3, "a reply")
    spending.pay([{"usd": 0.1, "prompt": 5, "sampled": 1}], reserved=0.3)
    assert recall(tmp_path / "a.json") == pytest.approx(
        {"usd": 0.3, "reserved": 0.0, "prompt": 15, "sampled": 4, "trained": 0}
    )


REFUSED = {
    "does not end with a reply": CHAT[:1],
    "has the role 'tool'": [{"role": "tool", "content": "x"}, CHAT[1]],
    "holds an empty message": [CHAT[0], {"role": "assistant", "content": " "}],
    "has about": [{"role": "user", "content": "x" * 400_000}, CHAT[1]],
}


@pytest.mark.parametrize("why", REFUSED)
def test_conversations_that_the_provider_would_refuse_are_left_out(why):
    found = examples([CHAT] * 10 + [REFUSED[why]], LIMITED, least=10)
    assert (found.number, found.left_out) == (10, 1)
    assert [json.loads(line) for line in found.lines.splitlines()] == [{"messages": CHAT}] * 10
    with pytest.raises(ValueError, match=rf"9 conversations .* asks for 10 .* as it {why}"):
        examples([CHAT] * 9 + [REFUSED[why]], LIMITED, least=10)


def test_a_training_file_that_is_too_large_is_one_line():
    with pytest.raises(ValueError, match="training_megabytes"):
        examples([CHAT] * 10, terms_from_config(TERMS | {"training_megabytes": 0.0001}), least=10)


def test_answers_alone():
    assert last_lines(CHAT) == [CHAT[0], {"role": "assistant", "content": "Answer: A"}]


def laid(**models):
    """The laptop's config with a closed model's experiment laid over it."""
    return lay_over(read_configs(CONFIGS), closed_config("http://127.0.0.1:9/v1") | models)


def test_the_bill_by_hand(stage, tmp_path):
    """36 episodes of T = 6; O and S from the task's words, which are written out here."""
    ended = stage("bill", configs=CONFIGS[0], output=tmp_path / "x/bill.json", model_name="gpt-4o-mini")
    assert ended.complaint == "bill: gpt-4o-mini: is not selected in run.models, so that nothing is sent; select it"
    ended = stage("bill", config=laid(), output=tmp_path / "bill.json", model_name="closed")
    assert ended.status == 0, ended.stderr
    items = {(item["place"], item["suite"]): item for item in json.loads((tmp_path / "bill.json").read_text())["items"]}
    first = items["rollout/closed/mab-advertising/base/seed0/iter0", ""]
    rules = "Place one of the ads summer sale, free trial, gift card, 6 times. Earn as much as you can."
    opening = f"{rules} End with one line like this: Answer: summer sale"
    o = len(opening) / 4 + 4
    names = ("summer sale", "free trial", "gift card")
    s = sum(len(f"{name} earned 0.50 dollars") / 4 + 4 for name in names) / 3
    assert first["told"] == pytest.approx(36 * (6 * (o + 3) + (12 + 4 + s) * 15))
    assert first["sampled"] == 36 * 6 * 12
    assert first["usd"] == pytest.approx((0.15 * first["told"] + 0.6 * first["sampled"]) / 1e6)
    tuned = items["rollout/closed/mab-advertising/rmft/seed0/iter1", ""]
    assert tuned["usd"] == pytest.approx(2 * first["usd"])
    trained = items["sft/closed/mab-advertising/rmft/seed0/iter1", ""]
    kept = 12 * laid()["methods"]["rmft"]["k"]
    assert trained["trained"] == pytest.approx(kept * (o + 6 * 16 + 5 * s))
    places = [place.split("/")[0] for place, _ in items]
    assert {name: places.count(name) for name in set(places)} == {
        "rollout": 2,
        "rollout_heldout": 6,
        "sft": 2,
        "probe": 2,
    }


def test_every_wait_has_a_limit_that_the_config_states():
    said = read_configs(CONFIGS)["models"]["gpt-4o-mini"]["terms"]
    for key in ("timeout_seconds", "retries", "give_up_seconds", "poll_seconds", "patience_hours"):
        assert said[key] > 0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"terms": {"prices": {"trained": -1}}}, "models.closed.terms.prices.trained: must be 0 or more, not -1"),
        ({"terms": {"mode": "cheap"}}, "models.closed.terms.mode: must be one of batch, live, not 'cheap'"),
        ({"terms": {"batch_tokens": 20}}, "models.closed.terms.batch_tokens: holds no request"),
        ({"base_url": "localhost"}, "models.closed.base_url: 'localhost'"),
    ],
)
def test_a_wrong_entry_is_one_line(change, line):
    assert complaint(lay_over(laid(), {"models": {"closed": change}})).startswith(line)


def test_a_method_with_a_teacher_is_not_for_closed_models():
    whole = laid()
    teaching = next(name for name, method in whole["methods"].items() if "teacher" in method)
    assert "has a teacher" in complaint(lay_over(whole, {"run": {"methods": [teaching]}}))
