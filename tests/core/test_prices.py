"""The bill's formulas against episodes written out request by request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.prices import MESSAGE, REPLY, Prices, Steps, most_tokens, tokens_of

PRICES = Prices(0.15, 0.6, 0.3, 1.2, 3.0, cached=0.5, batch=0.5)


def requests(steps: Steps) -> list[float]:
    """Told tokens of each request of an episode, one by one."""
    if steps.summary:
        return [steps.opening + REPLY] * steps.horizon
    told, each = steps.opening, []
    for _ in range(steps.horizon):
        each.append(told + REPLY)
        told += steps.reply + MESSAGE + steps.shown
    return each


@given(st.integers(1, 60), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.booleans())
def test_told_tokens_are_those_of_all_requests(horizon, opening, shown, reply, summary):
    steps = Steps(horizon, opening, shown, reply, summary)
    assert steps.prompt == pytest.approx(sum(requests(steps)))
    assert steps.sampled == horizon * reply


def test_by_hand():
    """T = 3, O = 40, S = 10, R = 5: requests of 43, 62 and 81 tokens; one conversation of 40 + 3 x 9 + 2 x 10 = 87."""
    steps = Steps(3, 40, 10, 5)
    assert (steps.prompt, steps.sampled, steps.trained) == (43 + 62 + 81, 15, 87)


def test_prices_by_hand():
    """A million told at 0.15, half of them remembered at half the price, 100,000 said at 0.60; then tuned, in a batch."""
    assert PRICES.play(1e6, 1e5, tuned=False, batch=False, cached=5e5) == pytest.approx(0.15 * 0.75 + 0.06)
    assert PRICES.play(1e6, 1e5, tuned=True, batch=True) == pytest.approx((0.3 + 0.12) / 2)
    assert PRICES.training(2e6) == pytest.approx(6.0)


@given(st.lists(st.text(), max_size=5))
def test_no_text_has_more_tokens_than_is_set_aside_for(texts):
    messages = [{"role": "user", "content": text} for text in texts]
    assert most_tokens(messages) >= sum(len(text.encode()) for text in texts)
    assert most_tokens(messages) >= sum(tokens_of(text, 1.0) for text in texts)
