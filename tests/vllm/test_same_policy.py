"""vLLM plays the policy that transformers plays."""

from dataclasses import replace

import numpy as np
from scipy.stats import chi2_contingency, permutation_test

from rmft.core.trajectory import CONTEXT_EXHAUSTED, Trajectory
from rmft.models import transformers_engine
from rmft.models.speech import Speech

LEAST = 0.001  # p below which two samples are not of one distribution; the seeds are fixed, and so is the verdict
EPISODES = 600


def test_without_chance_token_for_token(engine, reference, drawn, played, base) -> None:
    """fp32, temperature 0: every token of 100 episodes of 6 steps."""
    greedy = transformers_engine.engine_of(base, Speech(), temperature=0.0, max_new_tokens=reference.max_new_tokens)
    records = played(replace(engine, temperature=0.0), drawn(100))
    assert records == played(greedy, drawn(100))
    assert sum(sum(record.loss_mask) for record in records) > 2000


def test_what_no_longer_fits_ends_alone(engine, drawn, played) -> None:
    """Room for a reply of so many tokens that the longer half of the conversations ends before its last step."""
    whole = played(engine, drawn(60))
    asked = [len(record.token_ids) - record.loss_mask[::-1].index(0) for record in whole]  # at the last step
    room = engine.core.vllm_config.model_config.max_model_len - int(np.median(asked))
    records = played(replace(engine, max_new_tokens=room), drawn(60))
    for record, before, length in zip(records, whole, asked, strict=True):
        if length <= np.median(asked):
            assert record == before
        else:
            assert record.status == CONTEXT_EXHAUSTED
            assert record.token_ids == before.token_ids[: len(record.token_ids)]
            steps = record.actions.index(-1)
            assert record.actions == before.actions[:steps] + [-1] * (6 - steps)
    assert 0 < sum(record.status == CONTEXT_EXHAUSTED for record in records) < 60


def statistics(records: list[Trajectory]) -> dict[str, np.ndarray]:
    """Of each episode: what it earned, arms that it tried, steps that repeat the last, tokens that it sampled."""
    actions = np.array([record.actions for record in records])
    return {
        "reward": np.array([np.mean(record.rewards) for record in records]),
        "tried": np.array([len(set(row)) for row in actions]),
        "stayed": (actions[:, 1:] == actions[:, :-1]).mean(axis=1),
        "tokens": np.array([sum(record.loss_mask) for record in records], float),
        "unread": np.array([sum(status != "ok" for status in record.parse_status) for record in records], float),
    }


def test_with_chance_in_distribution(engine, reference, drawn, played) -> None:
    """600 episodes each, of their own rewards and seeds: steps' actions by chi-square, whole episodes by permutation."""
    ours, theirs = played(engine, drawn(EPISODES, "ours")), played(reference, drawn(EPISODES, "theirs"))
    for step in range(6):
        counts = [np.bincount([record.actions[step] for record in records], minlength=3) for records in (ours, theirs)]
        assert chi2_contingency(counts).pvalue > LEAST
    other = statistics(theirs)
    for name, values in statistics(ours).items():
        test = permutation_test(
            (values, other[name]),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            n_resamples=2000,
            vectorized=True,
            rng=np.random.default_rng(0),
        )
        assert test.pvalue > LEAST, name


def test_the_test_sees_another_policy(engine, drawn, played) -> None:
    """At another temperature the same test finds the difference."""
    ours = played(engine, drawn(EPISODES, "ours"))
    hotter = played(replace(engine, temperature=1.4), drawn(EPISODES, "theirs"))
    tokens = [statistics(records)["tokens"] for records in (ours, hotter)]
    difference = permutation_test(
        tokens, lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis), n_resamples=2000, vectorized=True
    )
    assert difference.pvalue < LEAST
