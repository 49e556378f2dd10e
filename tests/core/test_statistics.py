import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from rmft.core.seeding import generator
from rmft.core.statistics import incomplete_beta, intervals, resampled, sign_flips, student_below, student_tail, wilson

COLUMNS = arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-1e3, 1e3))


def one(values: np.ndarray, *, stream: str = "b") -> np.ndarray:
    """(mean, low, high) of a single list of values."""
    return intervals([values[:, None]], rng=generator(stream))[0]


@given(st.lists(COLUMNS, min_size=1, max_size=4))
def test_interval_contains_the_mean_of_means_and_lies_within_the_values(groups: list[np.ndarray]) -> None:
    found = intervals(groups, rng=generator("b"), resamples=200)
    assert found[:, 0] == pytest.approx(np.mean([g.mean(axis=0) for g in groups], axis=0))
    values = np.concatenate(groups)
    assert (values.min(axis=0) - 1e-6 <= found[:, 1]).all() and (found[:, 2] <= values.max(axis=0) + 1e-6).all()
    assert (found[:, 1] <= found[:, 0]).all() and (found[:, 0] <= found[:, 2]).all()


def test_interval_of_a_mean_is_the_textbook_width() -> None:
    _, low, high = one(generator("v").normal(5, 2, 2_000))
    assert (high - low) / 2 == pytest.approx(1.96 * 2 / np.sqrt(2_000), rel=0.1)


def test_intervals_cover() -> None:
    draws = generator("v").normal(0, 1, (40, 300))  # 300 columns: 300 experiments of 40 values
    found = intervals([draws], rng=generator("b"), resamples=400)
    assert 0.88 <= np.mean((found[:, 1] <= 0) & (found[:, 2] >= 0)) <= 0.98


def test_the_generator_decides() -> None:
    values = np.arange(50.0)
    assert (one(values) == one(values)).all()
    assert (one(values) != one(values, stream="c")).any()


def naive(groups: list[np.ndarray], resamples: int) -> tuple[float, float]:
    """The hierarchical bootstrap as it is told: draw seeds, then rows of each, then the mean of their means."""
    rng, means = np.random.default_rng(0), []
    for _ in range(resamples):
        drawn = [groups[i] for i in rng.integers(len(groups), size=len(groups))]
        means.append(np.mean([g[rng.integers(len(g), size=len(g))].mean() for g in drawn]))
    return tuple(np.quantile(means, [0.025, 0.975]))


def test_it_is_the_bootstrap_as_it_is_told() -> None:
    groups = [generator("g", i).normal(i / 3, 1, 60) for i in range(4)]
    found = intervals([g[:, None] for g in groups], rng=generator("b"), resamples=4000)[0]
    assert found[1:] == pytest.approx(naive(groups, 4000), abs=0.04)


def test_seeds_count_as_seeds_not_as_their_episodes() -> None:
    """Groups far apart: the interval spans the groups; pooled, it would shrink with the number of episodes."""
    groups = [generator("g", i).normal(centre, 0.1, 500) for i, centre in enumerate((0.0, 1.0, 2.0))]
    _, low, high = intervals([g[:, None] for g in groups], rng=generator("b"))[0]
    assert high - low > 1.0
    _, low, high = one(np.concatenate(groups))
    assert high - low < 0.2


@pytest.mark.parametrize("groups", [[], [np.ones((0, 2))], [np.ones(3)]])
def test_nothing_to_average_is_refused(groups: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="groups"):
        intervals(groups, rng=generator("b"))


def test_wilsons_interval() -> None:
    low, high = wilson(np.array([0.5, 0.0]), np.array([100, 50]))
    assert (low[0], high[0]) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # Wilson (1927)
    assert low[1] == pytest.approx(0, abs=1e-12) and high[1] == pytest.approx(0.0713, abs=1e-4)


def scipys(values: np.ndarray) -> float:
    """The exact sign-flip test of the mean."""
    found = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    return found.pvalue


@given(arrays(np.int64, (6, 2), elements=st.integers(-9, 9)))
def test_sign_flips_of_few_rows_are_counted_as_scipy_counts_them(values: np.ndarray) -> None:
    found = sign_flips(values.astype(float), rng=generator("p"))
    assert found == pytest.approx([scipys(column) for column in values.T])


def test_sign_flips_of_many_rows_come_near_the_exact_count() -> None:
    values = generator("v").normal([0.0, 0.6, 2.0], 1, (12, 3))
    exact = sign_flips(values, rng=generator("p"))
    assert sign_flips(values, rng=generator("p"), exact_up_to=0) == pytest.approx(exact, abs=0.015)
    assert exact[2] == 2 / 2**12


def test_p_is_never_0_and_1_without_any_difference() -> None:
    values = np.column_stack([np.full(200, 0.1), np.zeros(200)])
    assert sign_flips(values, rng=generator("p"), resamples=1_999).tolist() == [1 / 2_000, 1]
    assert sign_flips(np.ones((1, 1)), rng=generator("p")).tolist() == [1]


def test_sign_flips_reject_a_true_null_as_often_as_they_say() -> None:
    nothing = generator("v").normal(0, 1, (40, 2_000)) * generator("s").exponential(size=(40, 1))  # 2,000 experiments
    found = sign_flips(nothing, rng=generator("p"), resamples=999)
    assert 0.03 <= (found <= 0.05).mean() <= 0.07


@pytest.mark.parametrize("values", [np.ones((0, 2)), np.ones(3), np.array([[np.nan]])])
def test_nothing_to_flip_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="differences"):
        sign_flips(values, rng=generator("p"))


def test_intervals_are_quantiles_of_the_resampled_means() -> None:
    groups = [generator("g", i).normal(i, 1, (30, 2)) for i in range(2)]
    means = resampled(groups, rng=generator("b"))
    assert means.shape == (2000, 2)
    np.testing.assert_array_equal(intervals(groups, rng=generator("b"))[:, 1], np.quantile(means, 0.025, axis=0))


@given(arrays(np.float64, (9, 2), elements=st.floats(-3, 3).map(lambda x: round(x, 3))), st.floats(-1, 1))
def test_student_below_is_scipys(values: np.ndarray, bound: float) -> None:
    for column, p in zip(values.T, student_below(values, bound), strict=True):
        if column.std() > 1e-6:
            assert p == pytest.approx(stats.ttest_1samp(column, bound, alternative="less").pvalue, rel=1e-6, abs=1e-12)


def test_student_below_of_rows_that_are_all_the_same() -> None:
    values = np.repeat([[-1.0, 0.0, 0.1]], 5, axis=0)
    assert student_below(values, 0.0).tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="2 rows"):
        student_below(values[:1], 0.0)


@given(st.floats(0.3, 200), st.floats(0.3, 200), st.floats(0, 1))
def test_incomplete_beta_is_scipys(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("t", [0.0, 0.1, 2.0, 15.0, 60.0])
@pytest.mark.parametrize("freedom", [1, 3, 23, 198])
def test_student_t_tail_is_scipys(t: float, freedom: int) -> None:
    assert student_tail(-t, freedom) == pytest.approx(stats.t.cdf(-t, freedom), rel=1e-9)
    assert student_tail(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), rel=1e-9)
