"""Simulation and scoring of 1,000 UCB1 episodes (T = 100, K = 5, Bernoulli) against other libraries, each in its own
scratch environment from envs/peers-*.txt."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from measure import ROOT, SCRATCH, Row, say, seconds, side_by_side, table

from rmft.core.policies import play
from rmft.core.regret import pseudo_regret_curve
from rmft.core.tasks import draw_episodes, task_from_config
from rmft.core.trajectory import Play
from rmft.stages.evaluate import measured

EPISODES, REPEATS = 1000, 3
PLAYERS = Path(__file__).with_name("peer_players.py")
TASK = {
    "environment": "mab",
    "arms": 5,
    "horizon": 100,
    "means": {"kind": "gap", "gap": 0.2},
    "rewards": {"kind": "bernoulli"},
    "context": "buttons",
}
UCB1 = {"policy": "ucb", "constant": 2.0, "growth": "log"}


def interpreter(library: str) -> Path:
    """The Python of the library's scratch environment, which is made where it is missing. Raises CalledProcessError."""
    pins, folder = ROOT / f"envs/peers-{library}.txt", SCRATCH / library
    python, ready = folder / "bin/python", folder / "pins.txt"
    if not ready.exists() or ready.read_text() != pins.read_text():
        say(f"installing {library} into {folder.relative_to(ROOT)}")
        ready.unlink(missing_ok=True)
        install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", pins]
        for command in ([sys.executable, "-m", "venv", "--clear", folder], install):
            subprocess.run(command, check=True, capture_output=True, text=True)
        ready.write_text(pins.read_text())
    return python


def played_by(library: str) -> dict[str, float]:
    """Seconds and mean regret of the library's episodes. Raises CalledProcessError where it does not install or run."""
    command = [interpreter(library), PLAYERS, library, str(EPISODES)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def draw_and_play(*, everything: bool) -> tuple[float, float]:
    """Seconds and mean regret of our episodes: rewards, actions, and regret alone or all columns of an evaluation."""
    task, start = task_from_config("hard", TASK), time.perf_counter()
    where = {"split": "heldout", "seed": 0, "iteration": 0, "policy": "ucb1"}
    episodes = draw_episodes(task, **where, scenarios=range(EPISODES), per_scenario=1)
    played = play(UCB1, task, episodes)
    if everything:
        mean = measured(task, Play(played.actions, played.rewards, episodes.mean_rewards))["regret"].mean()
    else:
        mean = pseudo_regret_curve(played.actions, episodes.mean_rewards)[:, -1].mean()
    return time.perf_counter() - start, float(mean)


def ours_alone(*, everything: bool) -> float:
    """Seconds of ours: the median of five, since one takes so little."""
    return median(draw_and_play(everything=everything)[0] for _ in range(5))


def against(library: str) -> tuple[Row, float]:
    """The library's row, and its seconds (infinite where it could not be had)."""
    what = f"1,000 UCB1 episodes, T=100, K=5: {library}"
    try:
        theirs = played_by(library)["regret"]
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or str(error)).strip().splitlines()[-1]
        return Row(what, note=f"skipped: {reason}"), float("inf")
    ours = draw_and_play(everything=True)[1]
    mine, its, ratio = side_by_side(lambda: ours_alone(everything=True), lambda: played_by(library)["seconds"], REPEATS)
    note = f"mean regret {ours:.2f} and {theirs:.2f}; it draws no rewards and scores regret alone, we score all metrics"
    return Row(what, seconds(mine), seconds(its), ratio, "at least 20", note), its


def rows() -> list[Row]:
    """A row per library, then the fastest of them against our regret alone."""
    draw_and_play(everything=True)
    found = {library: against(library) for library in ("mabwiser", "mabby", "smpybandits", "banditbench")}
    fastest = min(found, key=lambda library: found[library][1])
    if found[fastest][1] == float("inf"):
        return [row for row, _ in found.values()]
    ours, its, ratio = side_by_side(
        lambda: ours_alone(everything=False), lambda: played_by(fastest)["seconds"], REPEATS
    )
    note = "like for like: we too score regret alone"
    what = f"the same, regret alone: {fastest}, the fastest"
    return [row for row, _ in found.values()] + [Row(what, seconds(ours), seconds(its), ratio, "at least 20", note)]


if __name__ == "__main__":
    print(table(rows()))
