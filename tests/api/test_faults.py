"""Whatever goes wrong on the way or at the provider ends, in time, in success or in one clear line."""

import asyncio
import os
import time

import pytest
from provider import Fault
from shop import TERMS

from rmft.models.openai_examples import examples
from rmft.models.openai_terms import Served, terms_from_config
from rmft.models.openai_tuning import Order, tune

ASK, FILES, BATCHES, BATCH = "POST /chat/completions", "POST /files", "POST /batches", "GET /batches/"
JOBS, JOB, CONTENT = "POST /fine_tuning/jobs", "GET /fine_tuning/jobs/", "GET /files/.*/content"
LIMIT = 25  # seconds: more than any sum of the waits that TERMS allow


def status(code: int, name: str = "", **more: str) -> dict:
    """A fault that is an error status."""
    return {"kind": "status", "value": (code, name, more)}


LIVE = {  # name: fault, how it ends: None for success, else what the line says
    "429 with Retry-After": (status(429, "rate_limit_exceeded", Retry_After="1"), None),
    "429 without": (status(429, "rate_limit_exceeded"), None),
    "429 with a Retry-After that is too long": (status(429, "x", Retry_After="100000"), "429"),
    "429 for ever": (status(429, "rate_limit_exceeded") | {"times": 99}, "429 .*tried 3 times"),
    "no money left": (status(429, "insufficient_quota") | {"times": 99}, "top it up"),
    "500": (status(500), None),
    "503 for ever": (status(503) | {"times": 99}, "503 .*tried 3 times"),
    "408": (status(408), None),
    "409": (status(409), None),
    "401": (status(401, "invalid_api_key"), "check OPENAI_API_KEY"),
    "403": (status(403), "may not do that"),
    "404": (status(404, "model_not_found"), "check model and base_url"),
    "400": (status(400, "invalid_value"), "mend the model's entry"),
    "reset": ({"kind": "reset"}, None),
    "reset for ever": ({"kind": "reset", "times": 99}, "no connection"),
    "hang-up": ({"kind": "hang-up"}, None),
    "half an answer": ({"kind": "half"}, None),
    "silence": ({"kind": "silence", "value": 3}, None),
    "silence for ever": ({"kind": "silence", "value": 5, "times": 99}, "no answer within"),
    "drop by drop": ({"kind": "drip", "times": 99}, "no answer within give_up_seconds"),
    "malformed JSON": ({"kind": "body", "value": b'{"choices": [{]'}, None),
    "malformed JSON for ever": ({"kind": "body", "value": b"{", "times": 99}, "cannot be read"),
    "an empty body": ({"kind": "body", "value": b""}, None),
    "JSON of another shape": ({"kind": "body", "value": b'{"hello": 1}'}, None),
    "null": ({"kind": "body", "value": b"null"}, None),
    "a page of HTML": ({"kind": "html"}, None),
    "a cut body": ({"kind": "cut"}, None),
}


@pytest.mark.parametrize("name", LIVE)
def test_live(shop, name):
    fault, line = LIVE[name]
    shop.provider.faults = [Fault(where=ASK, **fault)]
    begun, buyer = time.monotonic(), shop.buyer(concurrency=2)
    if line is None:
        played = shop.play(buyer, scenarios=1, horizon=1)
        assert all(one.record.status == "complete" for one in played)
    else:
        with pytest.raises(ValueError, match=line) as raised:
            shop.play(buyer, scenarios=1, horizon=1)
        assert "\n" not in str(raised.value)
        shop.provider.faults = []
        assert all(one.record.status == "complete" for one in shop.play(shop.buyer(), scenarios=1, horizon=1))
    took = time.monotonic() - begun
    assert (1 if "with Retry-After" in name else 0) <= took < LIMIT
    assert set(shop.provider.replies.values()) <= {1, 2}  # an answer that was lost on its way is asked for again


def test_answers_without_a_message_or_a_count_or_an_end_are_asked_for_again(shop):
    shop.provider.odd_replies = ["no-choices", "no-usage", "abort"]
    assert all(one.record.status == "complete" for one in shop.play(shop.buyer(), scenarios=1, horizon=1))


ENDINGS = {  # of the first batches; success or the line
    "expired half way": (["expired-half"], None),
    "expired with nothing": (["expired-none"], None),
    "cancelled half way": (["cancelled-half"], None),
    "some requests failed": (["completed-errors"], None),
    "completed, and half is missing": (["completed-half"], None),
    "no room in the queue": (["failed-queue", "failed-queue"], None),
    "failed": (["failed-invalid"], "failed-invalid of our choice"),
    "nothing again and again": (["expired-none"] * 9, "brought no reply"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_batches_that_end_badly(shop, name):
    endings, line = ENDINGS[name]
    shop.provider.endings = list(endings)
    if line:
        with pytest.raises(ValueError, match=line):
            shop.play(shop.buyer(mode="batch"), scenarios=1, horizon=1)
        shop.provider.endings = []
    played = shop.play(shop.buyer(mode="batch"), scenarios=1, horizon=1)
    assert all(one.record.status == "complete" for one in played)
    assert set(shop.provider.replies.values()) == {1}


def test_a_batch_that_never_ends_is_given_up_and_found_again(shop):
    shop.provider.endings = ["stuck"]
    with pytest.raises(ValueError, match=r"still in_progress after 0.0002 hours \(patience_hours\)"):
        shop.play(shop.buyer(mode="batch", patience_hours=0.0002), scenarios=1, horizon=1)
    shop.provider.batches["batch_0"]["ending"] = "completed"
    shop.play(shop.buyer(mode="batch"), scenarios=1, horizon=1)
    assert set(shop.provider.replies.values()) == {1}


SLOW = pytest.mark.skipif(not os.environ.get("RMFT_API"), reason="takes minutes; make test-api runs it")
LOST = [FILES, BATCHES, BATCH, CONTENT, "GET /files", "GET /batches"]


@pytest.mark.parametrize("kind", ["reset", pytest.param("half", marks=SLOW), pytest.param("500", marks=SLOW)])
@pytest.mark.parametrize("where", LOST)
def test_an_answer_about_a_batch_that_is_lost_makes_no_second_one(shop, where, kind):
    fault = status(500) if kind == "500" else {"kind": kind}
    shop.provider.faults = [Fault(where=where, after=True, **fault)]
    shop.play(shop.buyer(mode="batch"), scenarios=1, horizon=1)
    contents = [file["data"] for file in shop.provider.files.values() if file["purpose"] == "batch"]
    assert len(contents) == len(set(contents)) == len(shop.provider.batches)
    assert set(shop.provider.replies.values()) == {1}


def order(shop, **terms):
    """A fine-tuning order of twelve conversations."""
    terms = terms_from_config(TERMS | terms)
    chat = [{"role": "user", "content": "Press one."}, {"role": "assistant", "content": "Answer: A"}]
    chats = [[*chat, {"role": "user", "content": f"A paid 0.{i}"}, chat[1]] for i in range(10, 22)]
    served = Served("closed-mini", shop.url)
    return Order(served, terms, examples(chats, terms, least=10), None, {"n_epochs": 1}, 7)


def tuned(shop, **terms):
    """Order it."""
    return asyncio.run(tune(order(shop, **terms), shop.account, "cell-sft"))


TUNING = {  # where, fault
    "upload": FILES,
    "files": "GET /files",
    "jobs": "GET /fine_tuning/jobs",
    "job": JOBS,
    "look": JOB,
    "metrics": CONTENT,
}


@pytest.mark.parametrize(
    "fault", ["malformed", *(pytest.param(name, marks=SLOW) for name in ("reset", "half", "500", "429"))]
)
@pytest.mark.parametrize("where", TUNING)
def test_an_answer_about_a_job_that_is_lost_makes_no_second_one(shop, where, fault):
    how = {"500": status(500), "429": status(429), "malformed": {"kind": "body", "value": b"{"}}
    shop.provider.faults = [Fault(where=TUNING[where], after=fault != "429", **how.get(fault, {"kind": fault}))]
    made = tuned(shop)
    assert made["model"] in shop.provider.brain.models
    assert (len(shop.provider.jobs), len([f for f in shop.provider.files.values() if f["purpose"] == "fine-tune"])) == (
        1,
        1,
    )
    assert made["tokens"] == shop.provider.tokens["trained"]


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_a_job_that_failed_is_one_line_and_the_next_run_orders_another(shop, ending):
    shop.provider.job_endings = [ending]
    with pytest.raises(ValueError, match=f"ftjob-0 {ending}: {ending} of our choice; mend it"):
        tuned(shop)
    assert tuned(shop)["model"].endswith("ftjob-1")
    assert tuned(shop)["model"].endswith("ftjob-1")
    assert len(shop.provider.jobs) == 2


def test_a_job_that_waits_too_long_is_found_again(shop):
    shop.provider.job_endings = ["stuck"]
    with pytest.raises(ValueError, match=r"fine-tuning job ftjob-0: still .* it goes on at the provider"):
        tuned(shop, patience_hours=0.0002)
    shop.provider.jobs["ftjob-0"]["ending"] = "succeeded"
    assert tuned(shop)["model"].endswith("ftjob-0")


@pytest.mark.parametrize("ending", ["succeeded-nameless", "succeeded-nonsense"])
def test_a_job_that_says_nonsense_is_one_line(shop, ending):
    shop.provider.job_endings = [ending]
    with pytest.raises(ValueError, match="cannot be read"):
        tuned(shop)
    assert len(shop.provider.jobs) == 1


def test_a_job_without_metrics_has_no_curve(shop):
    shop.provider.job_endings = ["succeeded-bare"]
    assert tuned(shop)["curve"] == []


def test_what_the_provider_would_refuse_is_not_sent(shop):
    with pytest.raises(ValueError, match=r"max_usd: of 0 dollars"):
        tuned(shop, max_usd=0.0)
    assert shop.provider.calls == []
