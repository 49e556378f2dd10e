"""When the jobs of a plan run: its longest chain, and a greedy schedule on so many cores and GPUs."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """What a machine or a cluster starts as one: its seconds, what it holds meanwhile, and which tasks (by index) come
    before it. Of those that are ready the highest priority goes first, then the first in the plan."""

    seconds: float
    threads: int = 1
    gpus: int = 0
    priority: int = 0
    before: frozenset[int] = frozenset()


def followers(tasks: Sequence[Task]) -> list[list[int]]:
    """Which tasks wait for each."""
    after: list[list[int]] = [[] for _ in tasks]
    for i, task in enumerate(tasks):
        for j in task.before:
            after[j].append(i)
    return after


def in_order(tasks: Sequence[Task]) -> list[int]:
    """The tasks, each after those that come before it. Raises ValueError where some wait for each other."""
    waits, after = [len(task.before) for task in tasks], followers(tasks)
    order = [i for i, n in enumerate(waits) if not n]
    for i in order:  # grows as it is read
        for j in after[i]:
            waits[j] -= 1
            if not waits[j]:
                order.append(j)
    if len(order) < len(tasks):
        raise ValueError("plan: its jobs wait for each other in a circle")
    return order


def longest_chain(tasks: Sequence[Task]) -> list[int]:
    """The tasks of the chain that takes longest, whatever there is to run them on."""
    ends, came = [0.0] * len(tasks), [-1] * len(tasks)
    for i in in_order(tasks):
        came[i] = max(tasks[i].before, key=lambda j: ends[j], default=-1)
        ends[i] = tasks[i].seconds + (ends[came[i]] if came[i] >= 0 else 0.0)
    chain = [max(range(len(tasks)), key=lambda i: ends[i])] if tasks else []
    while chain and came[chain[-1]] >= 0:
        chain.append(came[chain[-1]])
    return chain[::-1]


def wall(tasks: Sequence[Task], cores: int, gpus: int | None = None) -> float:
    """Seconds until the last task has ended, where every task starts as soon as it is ready and there is room for it.
    ``gpus``: None where nothing waits for one. A task of more threads than cores gets all cores. Raises ValueError where
    one asks for more GPUs than there are."""
    if gpus is not None and (most := max((task.gpus for task in tasks), default=0)) > gpus:
        raise ValueError(f"--gpus: a job asks for {most}, of {gpus}; raise it")
    in_order(tasks)
    waits, after = [len(task.before) for task in tasks], followers(tasks)
    ready = [(-task.priority, i) for i, task in enumerate(tasks) if not waits[i]]
    running: list[tuple[float, int]] = []
    now, free, boards = 0.0, cores, float("inf") if gpus is None else gpus
    while ready or running:
        held = []
        ready.sort()
        for n, place in enumerate(ready):
            task = tasks[place[1]]
            if min(task.threads, cores) <= free and task.gpus <= boards:
                free, boards = free - min(task.threads, cores), boards - task.gpus
                heapq.heappush(running, (now + task.seconds, place[1]))
            else:
                held.append(place)
            if not free:
                held += ready[n + 1 :]
                break
        ready = held
        now, done = heapq.heappop(running)
        free, boards = free + min(tasks[done].threads, cores), boards + tasks[done].gpus
        for i in after[done]:
            waits[i] -= 1
            if not waits[i]:
                ready.append((-tasks[i].priority, i))
    return now
