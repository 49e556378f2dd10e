"""What stands in the results folder, read with a check: episodes of every policy and baseline, trajectories of every
selection. A file that is missing or broken is one line that names it and the mend.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rmft.core.policies import Oracle, label, policy_from_config
from rmft.core.regret import regret_name
from rmft.core.tasks import task_from_config
from rmft.core.tuning import candidates
from rmft.stages import files
from rmft.stages.experiment import Run, Selection, cell, policy_cell
from rmft.stages.files import broken, present
from rmft.stages.table_files import text_of

EPISODE = [
    "suite",
    "episode",
    "scenario_id",
    "regret",
    "information_regret",
    "reward",
    "suff_fail",
    "min_frac",
    "greedy_frac",
    "coverage",
    "entropy",
    "policy_entropy",
    "lucky",
    "variation",
    "parse_failures",
    "renormalised",
    "tokens_prompt",
    "tokens_sampled",
]
STEPS = ["curve", "suff_fail_curve"]  # lists, one value for each step
SCORES = {
    "regret": "oracle regret",
    "information_regret": "information regret",
    "reward": "highest reward",
    "rolling_regret": "rolling regret",
    "random": "random choice",
}


def read_rows(path: Path, schema: pa.Schema, columns: list[str]) -> pd.DataFrame:
    """Columns of a parquet file of a contract. Raises ValueError for a missing or broken one."""
    wanted = pa.schema([schema.field(column) for column in columns])
    return files.read_table(present(path), wanted).to_pandas()


def read_json(path: Path, **kinds: type) -> dict:
    """A JSON object that has keys of these kinds. Raises ValueError, naming the key, for a missing or broken one."""
    value = files.read_json(present(path))
    for key, kind in kinds.items():
        if key not in value:
            raise broken(path, f"lacks the key {key}")
        if type(value[key]) not in ((int, float) if kind is float else (kind,)):
            raise broken(path, f"{key}: is {value[key]!r}")
    return value


def read_selected(path: Path) -> set[str]:
    """The ids of the selected trajectories."""
    try:
        return {json.loads(line)["trajectory_id"] for line in text_of(path).splitlines()}
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise broken(path, f"cannot be read ({error})") from None


@dataclass(frozen=True)
class Reader:
    """The results folder with its selection."""

    results: Path
    selection: Selection

    def label(self, model: str, task: str, method: str, seed: int) -> str:
        """A method's name with its constants, from what it did in its first selection."""
        first = cell(self.results, model, task, method, seed, 0) / "selection.json"
        done = read_json(first, score=str, k=int, also=dict)
        also = [key if value is True else f"{key} {value}" for key, value in done["also"].items()]
        constants = [f"k={done['k']}", SCORES.get(done["score"], done["score"]), *also]
        return f"{method} ({', '.join(constants)})"

    def measures(self) -> dict[tuple[str, str], str]:
        """The name of the regret of every task under every suite."""
        named = (
            (task, suite, entry) for task, suites in self.selection.tasks.items() for suite, entry in suites.items()
        )
        return {(task, suite): regret_name(task_from_config(task, entry)) for task, suite, entry in named}

    def runs(self) -> Iterator[Run]:
        """Every repetition of every method on every task by every model."""
        return (Run(**run) for run in self.selection.runs)

    def episodes(self) -> pd.DataFrame:
        """One row per episode of every policy and baseline: the cell's columns, EPISODE, STEPS, the rates of failed and
        of renormalised answers, and ``change``: regret less that of the base policy in the same episode (NaN for
        baselines)."""
        read = cache(self._evaluation)
        frames = [self._run(read, run) for run in self.runs()]
        rivals = [(task, *rival) for task, named in self.selection.baselines.items() for rival in named.items()]
        for task, name, entry in rivals:
            rows = read(self.results / "baselines" / task / f"{name}.parquet", task)
            kind = "oracle" if isinstance(policy_from_config(candidates(entry)[0]), Oracle) else "baseline"
            where = {
                "model": "",
                "task": task,
                "kind": kind,
                "method": name,
                "label": self._baseline_label(task, name, entry),
            }
            frames.append(rows.assign(**where, seed="all", iteration=pd.NA, change=np.nan))
        table = pd.concat(frames, ignore_index=True)
        table["parse_failure_rate"] = table["parse_failures"] / table["curve"].map(len)
        table["renormalised_rate"] = table["renormalised"] / table["curve"].map(len)
        kinds = self.measures()
        table["measure"] = [kinds[at] for at in zip(table["task"], table["suite"], strict=True)]
        return table.astype({"iteration": "Int64", **dict.fromkeys(("suff_fail", "lucky"), int)})

    def _baseline_label(self, task: str, name: str, entry: dict) -> str:
        """A baseline's name with its constants, tuned where its entry says so."""
        path = self.results / "baselines" / task / f"{name}.json"
        return read_json(path, label=str)["label"] if "tune" in entry else label(entry)

    def _evaluation(self, path: Path, task: str) -> pd.DataFrame:
        """The episodes of a file. Raises ValueError, naming it, where they are not those of the task's suites, each once."""
        rows, suites = read_rows(path, files.EVALUATION, [*EPISODE, *STEPS]), set(self.selection.tasks[task])
        if odd := suites ^ set(rows["suite"]):
            raise broken(path, f"must have the suites {', '.join(sorted(suites))} and no other; not so {min(odd)}")
        for suite, own in rows.groupby("suite")["episode"]:
            if (numbers := sorted(own)) != list(range(len(own))):
                odd = next(i for i, number in enumerate(numbers) if number != i)
                raise broken(path, f"suite {suite}: episode {odd} is missing or stands twice")
        return rows

    def _run(self, read: Callable[[Path, str], pd.DataFrame], run: Run) -> pd.DataFrame:
        """The episodes of iterations 0..N of one method and seed; iteration 0 is the shared base policy."""
        frames = []
        for iteration in range(run.iterations + 1):
            path = policy_cell(self.results, run.model, run.task, run.method, run.seed, iteration)
            rows = read(path / "evaluation.parquet", run.task)
            frames.append(rows.assign(kind=run.kind, **self.columns(run), iteration=iteration))
        table = pd.concat(frames)
        base = frames[0].set_index(["suite", "episode"])["regret"]
        before = base.reindex(pd.MultiIndex.from_frame(table[["suite", "episode"]])).to_numpy()
        return table.assign(change=table["regret"].to_numpy() - before)

    def columns(self, run: Run) -> dict[str, str]:
        """The columns that name a run."""
        label = self.label(run.model, run.task, run.method, run.seed)
        return {"model": run.model, "task": run.task, "method": run.method, "label": label, "seed": str(run.seed)}

    def trajectories(self) -> pd.DataFrame:
        """One row per trajectory that a selection saw: both regrets, lucky, diversity, selected (0 or 1), per method and
        seed."""
        columns = ["trajectory_id", "scenario_id", "regret", "information_regret", "lucky", "diversity"]
        read = cache(lambda path: read_rows(path, files.REGRET, columns))
        frames = []
        for run in self.runs():
            for iteration in range(run.iterations):
                own = cell(self.results, run.model, run.task, run.method, run.seed, iteration)
                scored = own if iteration else own.parents[2] / run.first / f"seed{run.seed}" / "iter0"
                rows = read(scored / "regret.parquet").sort_values("trajectory_id")
                chosen = rows["trajectory_id"].isin(read_selected(own / "selected.jsonl")).astype(int)
                where = {**self.columns(run), "iteration": iteration}
                frames.append(rows.assign(**where, selected=chosen, lucky=rows["lucky"].astype(int)))
        return pd.concat(frames, ignore_index=True)
