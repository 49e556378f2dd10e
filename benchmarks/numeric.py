"""Networks with numbers in and out: trajectories a second of rollout and of fine-tuning, and what share of the machine's
multiplications that is; the incremental rollout against recomputing the whole history at every step."""

import time
from statistics import median

import torch
import yaml
from measure import ROOT, Row, number, seconds, side_by_side, table
from theorem import ceiling

from rmft.core.tasks import Task, draw_episodes, task_from_config
from rmft.core.trajectory import Play
from rmft.models.imitate import data_of, imitate
from rmft.models.numbers import Exploration, Network, history, play, untrained

EPISODES, REPEATS = 4096, 3
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
ENTRY = CONFIG["models"]["transformer"]


def a_task(name: str, times: int = 1) -> Task:
    """A task of the config, ``times`` as long."""
    entry = CONFIG["tasks"][name]
    return task_from_config(name, entry | {"horizon": times * entry["horizon"]})


def a_network(task: Task) -> Network:
    """The config's Transformer, untrained."""
    return untrained(ENTRY | {"arms": task.arms, "environment": task.environment}, seed=0)


def episodes_of(task: Task, size: int) -> object:
    """Episodes to play."""
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "benchmark"}
    return draw_episodes(task, **where, scenarios=range(size), per_scenario=1)


def flops(task: Task) -> float:
    """Multiplications and additions of one trajectory's forward pass: weights, then attention to what came before."""
    width, depth, steps = ENTRY["width"], ENTRY["depth"], task.horizon
    return depth * steps * (24 * width**2 + 2 * width * steps)


def timed(work: object) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def recomputed(network: Network, task: Task, episodes: object) -> None:
    """The same forward work without a memory: at every step the network reads the whole history again."""
    did = play(network, task, episodes)
    told = torch.from_numpy(history(did, task.arms))
    with torch.inference_mode():
        for t in range(task.horizon):
            network.policies(network.net(told[:, : t + 1])[:, -1])


def row(what: str, size: int, operations: float, spent: float, top: float) -> Row:
    """Trajectories a second, and the share of the ceiling."""
    done = operations / spent
    ours = f"{number(size / spent)} a second, {number(done / 1e9)} GFLOP/s"
    return Row(
        f"{what}: trajectories; share of matrix-product FLOP/s", ours, f"{number(top / 1e9)} GFLOP/s", done / top
    )


def played(network: Network, task: Task, top: float) -> tuple[Row, Play]:
    """Rollout with exploration."""
    episodes, noise = episodes_of(task, EPISODES), Exploration(1.0)
    did = play(network, task, episodes, noise)
    spent = median(timed(lambda: play(network, task, episodes, noise)) for _ in range(REPEATS))
    what = f"numeric rollout, {task.name}, {EPISODES:,} episodes"
    return row(what, EPISODES, EPISODES * flops(task), spent, top), did


def learnt(network: Network, task: Task, did: Play, top: float) -> Row:
    """Fine-tuning: three times a forward pass."""
    data, epochs = data_of(did, "all", task.arms), 2
    settings = ENTRY["sft"] | {"epochs": epochs}
    spent = median(timed(lambda: imitate(network, data, None, settings, targets="all", seed=0)) for _ in range(REPEATS))
    size = epochs * len(data)
    return row(f"numeric fine-tuning, {task.name}", size, 3 * size * flops(task), spent, top)


def against_recomputing(times: int) -> Row:
    """The memory's gain; what the recomputation plays with is taken off its time."""
    task = a_task("numbers-fol", times)
    network, episodes = a_network(task), episodes_of(task, 512)
    own = lambda: timed(lambda: play(network, task, episodes))  # noqa: E731
    other = lambda: timed(lambda: recomputed(network, task, episodes)) - own()  # noqa: E731
    ours, theirs, ratio = side_by_side(own, other, REPEATS)
    return Row(
        f"numeric rollout, T={task.horizon}, 512 episodes: recomputing every step",
        seconds(ours),
        seconds(theirs),
        ratio,
    )


def rows() -> list[Row]:
    """Both environments, then the memory at three horizons."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    top, found = ceiling(), []
    for name in ("numbers-fol", "numbers-mab"):
        task = a_task(name)
        network = a_network(task)
        own, did = played(network, task, top)
        found += [own, learnt(network, task, did, top)]
    found += [against_recomputing(times) for times in (1, 4)]
    torch.set_num_threads(threads)
    return found


if __name__ == "__main__":
    print(table(rows()))
