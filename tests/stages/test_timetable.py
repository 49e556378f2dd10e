"""Longest chains and schedules of plans that are small enough to be done by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.stages.timetable import Task, in_order, longest_chain, wall

DIAMOND = [Task(2), Task(3, before=frozenset({0})), Task(7, before=frozenset({0})), Task(1, before=frozenset({1, 2}))]


def test_the_longest_chain_of_a_diamond_goes_the_slow_way():
    assert longest_chain(DIAMOND) == [0, 2, 3]
    assert longest_chain([]) == []


@pytest.mark.parametrize(
    ("tasks", "cores", "gpus", "seconds"),
    [
        ([], 1, None, 0),
        (DIAMOND, 1, None, 13),
        (DIAMOND, 2, None, 10),
        ([Task(4), Task(4), Task(4)], 2, None, 8),  # three of 4 s cannot be shared by two: not 12 / 2
        ([Task(5, threads=2), Task(3), Task(3)], 2, None, 8),
        ([Task(3), Task(5, threads=2), Task(3)], 2, None, 8),  # the two small ones side by side, then the large one
        ([Task(3), Task(4), Task(5, threads=2, priority=1)], 2, None, 9),
        ([Task(5, threads=8)], 2, None, 5),  # no more than there are
        ([Task(5, gpus=1), Task(5, gpus=1), Task(3)], 4, 1, 10),
        ([Task(5, gpus=1), Task(5, gpus=1), Task(3)], 4, 2, 5),
        ([Task(5, gpus=1), Task(5, gpus=1)], 4, None, 5),
    ],
)
def test_schedules_by_hand(tasks, cores, gpus, seconds):
    assert wall(tasks, cores, gpus) == seconds


def test_what_cannot_be_scheduled_is_refused():
    with pytest.raises(ValueError, match="--gpus: a job asks for 2, of 1; raise it"):
        wall([Task(1, gpus=2)], 4, 1)
    with pytest.raises(ValueError, match="circle"):
        wall([Task(1, before=frozenset({1})), Task(1, before=frozenset({0}))], 4)


@st.composite
def plans(draw) -> list[Task]:
    """Tasks that wait for earlier ones."""
    found = []
    for i in range(draw(st.integers(1, 12))):
        before = draw(st.frozensets(st.integers(0, i - 1), max_size=3)) if i else frozenset()
        found.append(Task(draw(st.integers(0, 9)), draw(st.integers(1, 3)), draw(st.integers(0, 1)), before=before))
    return found


@given(plans(), st.integers(1, 4))
def test_a_schedule_is_bounded_by_the_chain_the_cores_and_one_after_another(tasks, cores):
    chain = longest_chain(tasks)
    assert all(a in tasks[b].before for a, b in pairwise(chain))
    longest = sum(tasks[i].seconds for i in chain)
    work = sum(task.seconds * min(task.threads, cores) for task in tasks)
    took = wall(tasks, cores, 1)
    assert max(longest, work / cores) <= took <= sum(task.seconds for task in tasks)
    assert wall(tasks, 100) == longest
    assert all(
        before in in_order(tasks)[: in_order(tasks).index(i)] for i, t in enumerate(tasks) for before in t.before
    )
