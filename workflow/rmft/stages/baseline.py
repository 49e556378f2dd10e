"""A policy that needs no model, on the same held-out scenarios as every other."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.policies import label, play
from rmft.core.tasks import draw_heldout
from rmft.core.tuning import tuned
from rmft.stages import files, program
from rmft.stages.evaluate import measured


def work(args: Namespace) -> None:
    """Play and measure all episodes of a suite at once."""
    entry, parts = program.entry(args.baseline, "--baseline", "name", "policy"), []
    name = entry.pop("name")
    entry, tried = tuned(entry, program.task(args.task))
    for suite, task_entry in program.suites(args.task, args.suites).items():
        task = program.task(task_entry)
        episodes = draw_heldout(task, policy=name, scenarios=range(args.episodes))
        none = np.zeros(len(episodes), np.int32)
        columns = {
            "suite": [suite] * len(episodes),
            "episode": np.arange(len(episodes), dtype=np.int32),
            "scenario_id": episodes.scenario_ids,
            **measured(task, play(entry, task, episodes)),
            "parse_failures": none,
            "renormalised": none,
            "tokens_prompt": none,
            "tokens_sampled": none,
        }
        parts.append(pa.table(columns, schema=files.EVALUATION))
    played = {"label": label(entry) + (", tuned" if tried else ""), "entry": entry, "tried": tried}
    files.write_text(args.output.with_suffix(".json"), json.dumps(played, indent=1) + "\n")
    files.write_table(args.output, pa.concat_tables(parts))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("baseline", description=__doc__)
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--baseline", required=True, help="the baseline's config entry with its name, JSON")
    parser.add_argument("--suites", help="what else to play: suites with their changes of the task, JSON")
    parser.add_argument("--episodes", required=True, type=int, help="held-out scenarios, one episode each")
    parser.add_argument(
        "--output", required=True, type=Path, help="its evaluation, parquet; who played lands beside it, JSON"
    )
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
