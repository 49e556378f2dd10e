import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmft.core.seeding import derive, fold, generator, normals, uniforms

SEEDS = st.integers(0, 2**63 - 1)


def test_derive_is_the_same_on_every_machine() -> None:
    assert derive("rewards", 0, "mab-gaussian", 3, 1) == 3104147250201345716


def test_derive_separates_its_parts() -> None:
    assert len({derive("ab", "c"), derive("a", "bc"), derive("abc"), derive("a", "b", "c"), derive("1", 2)}) == 5
    assert derive(1) != derive("1")


def test_generators_of_one_name_agree_and_of_two_do_not() -> None:
    same = generator("x", 1).random(3)
    assert (generator("x", 1).random(3) == same).all()
    assert (generator("x", 2).random(3) != same).any()


@given(st.lists(SEEDS, min_size=2, max_size=20, unique=True), st.integers(0, 1000))
def test_order_and_batch_change_no_number(seeds: list[int], draw: int) -> None:
    together = uniforms(np.array(seeds, np.uint64), draw)
    alone = [float(uniforms(seed, draw)) for seed in seeds]
    assert together.tolist() == alone
    assert (uniforms(np.array(seeds[::-1], np.uint64), draw)[::-1] == together).all()


@given(st.lists(SEEDS, min_size=2, max_size=5, unique=True))
def test_children_differ_and_broadcast(seeds: list[int]) -> None:
    children = fold(np.array(seeds, np.uint64)[:, None], np.arange(50))
    assert children.shape == (len(seeds), 50)
    assert len(np.unique(children)) == children.size
    assert children[1, 7] == fold(seeds[1], 7)


@pytest.mark.filterwarnings("error")
def test_scalars_wrap_around_without_a_warning() -> None:
    assert fold(2**63 - 1, 10**6).dtype == np.uint64


def test_uniforms_are_uniform_and_uncorrelated_between_neighbours() -> None:
    u = uniforms(np.arange(20_000, dtype=np.uint64)[:, None], np.arange(3))
    assert stats.kstest(u.ravel(), "uniform").pvalue > 0.01
    for a, b in ((u[:-1, 0], u[1:, 0]), (u[:, 0], u[:, 1]), (u[:, 1], u[:, 2])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(a))


def test_normals_are_standard_normal() -> None:
    z = normals(np.arange(5_000, dtype=np.uint64)[:, None], np.arange(4))
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(z[:, 0], z[:, 1])[0, 1]) < 4 / np.sqrt(len(z))
