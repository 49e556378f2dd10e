"""What a job takes by the config alone, until jobs like it have finished: seconds, tokens and bytes. All constants [ours].

A job is named by its place below the folder of benchmarks: rule/model/task/method/seed/iteration of a cell's jobs. Seconds
are a start and so much per unit of work; they fit the jobs of `make reproduce` on two cores of an AMD EPYC, by the
clock, beside other work (the engine's cpu_time is read at 15 s, then every 30 s, and lacks what came after).
"""

from collections.abc import Callable
from dataclasses import dataclass

from rmft.models.footprint import training_seconds
from rmft.stages import bill, grid

# Tokens of each step with the laptop model's tokenizer: what a reward, or all of them, take to be told; in a summary, in
# which each step is a conversation, its frame and each arm; the reply, and each arm's share in it.
TOLD, TOLD_OF_ALL, FRAME, TOLD_OF_ARM = 5.2, 3.9, 5.0, 4.8
REPLIED, SHARE_OF_ARM = 5.9, 3.5


@dataclass(frozen=True)
class Rate:
    """What a job takes: ``start``, and ``each`` per unit of its work."""

    start: float
    each: float = 0.0


# Seconds by rule; work is that of WORK below.
SECONDS = {
    "pretrain": Rate(10, 1.2e-4),
    "theorem": Rate(3, 2.6e-7),
    "theorem_limit": Rate(2, 1e-8),
    "theorem_policies": Rate(2, 4.5e-6),
    "theory_tables": Rate(0.5),
    "base_policy": Rate(0.2),
    "untrained_policy": Rate(2.6),
    "ready_policy": Rate(5),
    "bill": Rate(2),
    "rollout": Rate(4.5, 6e-6),
    "rollout_heldout": Rate(2, 2.2e-5),
    "score": Rate(0.7, 2.5e-6),
    "select": Rate(0.7),
    "sft": Rate(4.4, 1e-5),
    "evaluate": Rate(0.6, 4e-6),
    "baseline": Rate(0.6, 9e-7),
    "tables": Rate(4, 0.6),
    "draw": Rate(3),
    "report": Rate(2),
    "reason": Rate(3),
    "probe": Rate(13),
    "reasoning_tables": Rate(4),
    "growth": Rate(22),
    "tracking": Rate(3),
    "signatures": Rate(1),
    "claims": Rate(4),
    "manifest": Rate(1),
}
# The same, where a model in words plays or learns; the work of play goes with the square of a conversation's tokens.
SECONDS_OF_WORDS = {
    "rollout": Rate(5.8, 3.1e-7),
    "rollout_shard": Rate(5.8, 3.1e-7),
    "rollout_heldout": Rate(5.8, 3.1e-7),
    "sft": Rate(4, 7.8e-5),
}
UNKNOWN = Rate(1)  # of other rules
BYTES = {  # per step, but for a model's folder, a table's policies, a figure, a page
    "rollout": Rate(0, 27),
    "rollout_heldout": Rate(0, 34),
    "score": Rate(0, 6),
    "select": Rate(0, 3.3),
    "sft": Rate(54e3),
    "evaluate": Rate(0, 7),
    "baseline": Rate(0, 0.9),
    "pretrain": Rate(1.7e6),
    "tables": Rate(0, 560e3),
    "draw": Rate(340e3),
    "report": Rate(5.8e6),
}
BYTES_OF_WORDS = {
    "rollout": Rate(0, 20),
    "rollout_heldout": Rate(0, 21),
    "select": Rate(0, 138),
    "sft": Rate(1.7e6),
}


@dataclass(frozen=True)
class Play:
    """Episodes of one task entry."""

    episodes: float
    entry: dict

    @property
    def steps(self) -> float:
        """Steps of all episodes."""
        return self.episodes * self.entry["horizon"]

    @property
    def shown(self) -> int:
        """Rewards that a step shows."""
        return self.entry["arms"] if self.entry["environment"] == "fol" else 1

    @property
    def per_step(self) -> tuple[float, float]:
        """Tokens that a step tells, and tokens of its reply."""
        arms, told = self.entry["arms"], TOLD
        if self.summary:
            told = FRAME + TOLD_OF_ARM * arms
        elif self.shown > 1:
            told = TOLD_OF_ALL * (arms + 1)
        return told, REPLIED + SHARE_OF_ARM * arms * (self.entry.get("output") == "distribution")

    @property
    def summary(self) -> bool:
        """Whether each step is a conversation of its own."""
        return self.entry.get("interaction") == "summary"

    @property
    def tokens(self) -> float:
        """Tokens told and replied."""
        return self.steps * sum(self.per_step)

    @property
    def squares(self) -> float:
        """Squared tokens of every conversation: a dialogue of all steps, or one of each in a summary."""
        return self.steps * sum(self.per_step) ** 2 * (1 if self.summary else self.entry["horizon"])


def plays(config: dict, place: str) -> list[Play]:
    """What a job of a cell plays, scores or learns from."""
    rule, model, task, method = place.split("/")[:4]
    if rule in ("rollout_heldout", "evaluate"):
        episodes = grid.heldout_episodes(config, task)
        return [Play(episodes, entry) for entry in grid.under_suites(config, task).values()]
    scenarios = grid.training_scenarios(config, model, method)
    entry = config["tasks"][task]
    if rule in ("select", "sft"):
        epochs = _epochs(config["models"][model]["sft"]) if rule == "sft" else 1
        return [Play(scenarios * config["methods"][method]["k"] * epochs, entry)]
    split = config["rollout"]["shards"] if in_words(config, place) else 1
    jobs = {"rollout_shard": split, "rollout": 1 if split == 1 else float("inf")}.get(
        rule, 1
    )  # sharded: only put together
    return [Play(scenarios * grid.per_scenario(config, model, method) / jobs, entry)]


def _epochs(sft: dict) -> int:
    """Passes over what was selected; three where a provider may choose [ours]."""
    epochs = sft.get("epochs", sft.get("n_epochs"))
    return epochs if isinstance(epochs, int) else 3


def in_words(config: dict, place: str) -> bool:
    """Whether the job is one of a model in words."""
    model = f"{place}/".split("/")[1]
    return model in config["models"] and not grid.numeric(config, model)


def tokens(config: dict, place: str) -> tuple[float, float]:
    """Tokens of the prompt, and tokens sampled."""
    if not place.startswith(("rollout/", "rollout_shard/", "rollout_heldout/")) or not in_words(config, place):
        return 0.0, 0.0
    each = [(play.steps, *play.per_step) for play in plays(config, place)]
    return sum(steps * told for steps, told, _ in each), sum(steps * replied for steps, _, replied in each)


def seconds(config: dict, place: str) -> float:
    """Seconds of the job; none of one whose time is its provider's."""
    rule, words = place.partition("/")[0], in_words(config, place)
    entry = config["models"].get(f"{place}/".split("/")[1], {})
    if bill.waits(config, place):
        return 0.0
    if rule == "sft" and "billions" in entry:
        return training_seconds(entry, _steps(config, place) * entry["tokens_per_step"])
    rates = SECONDS | SECONDS_OF_WORDS if words else SECONDS
    work = WORK_OF_WORDS.get(rule, WORK.get(rule)) if words else WORK.get(rule)
    return _of(rates.get(rule, UNKNOWN), work, config, place)


def size(config: dict, place: str) -> float:
    """Bytes of the files that the job makes."""
    rule, words = place.partition("/")[0], in_words(config, place)
    rate = (BYTES | BYTES_OF_WORDS if words else BYTES).get(rule, Rate(10e3))
    each = _of(rate, _policies if rule == "tables" else _steps, config, place)
    return each * (plays(config, place)[0].shown if words and rule.startswith("rollout") else 1)


def _of(rate: Rate, work: Callable[[dict, str], float] | None, config: dict, place: str) -> float:
    """What a job takes at a rate."""
    return rate.start + (rate.each * work(config, place) if rate.each else 0.0)


def _steps(config: dict, place: str) -> float:
    if place.startswith("baseline/"):
        task = place.split("/")[1]
        many = task in config["run"]["calibration_tasks"]
        episodes = config["evaluation"]["calibration_episodes"] if many else grid.heldout_episodes(config, task)
        return sum(episodes * entry["horizon"] for entry in grid.under_suites(config, task).values())
    return sum(play.steps for play in plays(config, place))


def _tokens(config: dict, place: str) -> float:
    return sum(play.tokens for play in plays(config, place))


def _squares(config: dict, place: str) -> float:
    return sum(play.squares for play in plays(config, place))


def _dialogues(config: dict, place: str) -> float:
    """Tokens of the dialogues of pretraining, of each worker."""
    training = config["models"][place.split("/")[1]]["pretraining"]
    shares = training["crowd"]["tasks"]
    each = [share * Play(1, config["tasks"][task]).tokens for task, share in shares.items()]
    return training["dialogues"] * sum(each) / sum(shares.values()) / training["workers"]


def _theorem(config: dict, place: str) -> float:
    """Steps of all episodes of the grid; more arms take longer."""
    entry, arms = config["theory"]["theorem"], int(place.rpartition("/d")[2])
    points = len(entry["scales"]) * len(entry["covariances"]) * len(entry["seeds"])
    return points * sum(entry["horizons"]) * entry["steps"] * entry["batch"] * (0.6 + 0.085 * arms)


def _limit(config: dict, place: str) -> float:
    entry = config["theory"]["limit"]
    runs = len(entry["exponents"]) * len(entry["seeds"]) * sum(map(sum, entry["trajectories"].values()))
    return runs * entry["steps"] * entry["batch"] * entry["horizon"]


def _policies_trained(config: dict, place: str) -> float:
    entry = config["theory"]["policies"]
    return len(entry["seeds"]) * entry["steps"] * entry["batch"] * entry["horizon"]


def _policies(config: dict, place: str) -> float:
    """Policies whose evaluations the tables gather."""
    return sum(run["iterations"] + 1 for run in grid.runs(config))


WORK = {
    "pretrain": _dialogues,
    "theorem": _theorem,
    "theorem_limit": _limit,
    "theorem_policies": _policies_trained,
    "tables": _policies,
    **dict.fromkeys(("rollout", "rollout_heldout", "score", "sft", "evaluate", "baseline"), _steps),
}
WORK_OF_WORDS = {**dict.fromkeys(("rollout", "rollout_shard", "rollout_heldout"), _squares), "sft": _tokens}
