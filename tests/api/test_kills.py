"""The client is killed, kill -9, at every point of what it does: what was paid for is found again, nothing is paid twice.

The provider kills: before it does what it is asked, or when it has done it and not yet answered. So every gap between two
calls is met, and the one between what was made and what is known of it.
"""

import json
import os
import random
import signal
import time

import pytest
from shop import KEY, bought_once, finetune, played, rollout, select_all

SLOW = pytest.mark.skipif(not os.environ.get("RMFT_API"), reason="takes minutes; make test-api runs it")


def ended(process):
    """Its exit status, once it has ended; a hang is a failure."""
    _, stderr = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), stderr
    return process.returncode


def killed_until_done(shop, begin, points):
    """Begin again and again, the provider killing at each of the points once. Returns how often it was killed."""
    kills = 0
    shop.provider.kills = points
    while True:
        process = begin()
        shop.provider.victim = process.pid
        if ended(process) == 0:
            return kills
        kills += 1
        assert kills < 60


def trained(shop, start, points):
    """Roll out and fine-tune with the client killed at the points of the fine-tuning; how often it was."""
    assert ended(rollout(shop, start, mode="batch", least_examples=8)) == 0
    select_all(shop)
    kills = killed_until_done(shop, lambda: finetune(shop, start), points)
    policy = json.loads((shop.folder / "next/policy.json").read_text())
    assert policy["kind"] == "api" and policy["model"] == "ft:closed-mini:org:rmft:ftjob-0"
    assert len(shop.provider.jobs) == 1
    said = json.loads((shop.folder / "next/sft.json").read_text())
    assert [point["epoch"] for point in said["curve"]] == [1, 2]
    bought_once(shop)
    return kills


def test_killed_when_a_job_was_made_and_not_yet_known(shop, stage_process):
    assert trained(shop, stage_process, {("POST /fine_tuning/jobs", "after")}) == 1


@SLOW
def test_killed_at_every_point_of_the_fine_tuning(shop, stage_process):
    assert trained(shop, stage_process, {"all"}) >= 20


def test_killed_when_a_batch_was_made_and_not_yet_known(shop, stage_process):
    points = {("POST /batches", "after"), ("GET /files/ID/content", "before")}
    assert killed_until_done(shop, lambda: rollout(shop, stage_process, mode="batch"), points) == 2
    assert {row["status"] for row in played(shop)} == {"complete"}
    bought_once(shop)


@SLOW
def test_killed_at_twenty_random_moments_of_a_batch_rollout(shop, stage_process):
    """Moments between the first call and the last of what is left: drawn by time, not by call."""
    rng, kills = random.Random(0), 0
    shop.provider.slow = 3
    while kills < 20:
        process, calls = rollout(shop, stage_process, mode="batch", batch_tokens=300), len(shop.provider.calls)
        while process.poll() is None and len(shop.provider.calls) == calls:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.8))
        if process.poll() is None:
            process.kill()
            kills += 1
        if ended(process) == 0:
            break
    assert kills == 20, "the rollout ended before it was killed twenty times: make it longer"
    process = rollout(shop, stage_process, mode="batch", batch_tokens=300)
    assert ended(process) == 0
    assert {row["status"] for row in played(shop)} == {"complete"}
    bought_once(shop)


@SLOW
def test_killed_live_it_loses_no_reply_that_came(shop, stage_process):
    """What was under way at the moment is asked for again, and nothing else."""
    process = rollout(shop, stage_process, mode="live", concurrency=2)
    while len(shop.provider.calls) < 12:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert ended(rollout(shop, stage_process, mode="live", concurrency=2)) == 0
    assert sum(shop.provider.replies.values()) - len(shop.provider.replies) <= 2


@SLOW
def test_sigterm_ends_it_and_it_goes_on(shop, stage_process):
    process = rollout(shop, stage_process, mode="live", concurrency=2)
    while len(shop.provider.calls) < 8:
        time.sleep(0.01)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert ended(rollout(shop, stage_process, mode="live", concurrency=2)) == 0
    assert sum(shop.provider.replies.values()) - len(shop.provider.replies) <= 2


@pytest.mark.parametrize("mode", ["live", pytest.param("batch", marks=SLOW)])
def test_the_key_is_written_nowhere(shop, stage_process, mode):
    """Not even where the provider says it back in the reason for a refusal, or the client speaks of all that it does."""
    os.environ["OPENAI_LOG"] = "debug"
    try:
        assert ended(rollout(shop, stage_process, mode=mode)) == 0
        select_all(shop)
        process = finetune(shop, stage_process)
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said[1]
        shop.provider.key = "another"
        (shop.folder / "next/policy.json").unlink()
        refused = finetune(shop, stage_process, seed=1, cell="other")
        complaint = refused.communicate(timeout=120)
    finally:
        del os.environ["OPENAI_LOG"]
    assert refused.returncode == 1
    assert "401 Incorrect API key provided: Bearer [OPENAI_API_KEY]; check OPENAI_API_KEY" in complaint[1]
    assert not any(KEY in text for text in (*said, *complaint))
    written = [path for path in shop.folder.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
    assert KEY not in " ".join([*refused.args, *process.args])
