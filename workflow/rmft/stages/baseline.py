"""A policy that needs no model, on the same held-out scenarios as every other."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rmft.core.policies import play
from rmft.core.tasks import draw_heldout
from rmft.stages import files, program
from rmft.stages.evaluate import measured


def work(args: Namespace) -> None:
    """Play and measure all episodes at once."""
    task, entry = program.task(args.task), program.entry(args.baseline, "--baseline", "name", "policy")
    name = entry.pop("name")
    episodes = draw_heldout(task, policy=name, scenarios=range(args.episodes))
    none = np.zeros(len(episodes), np.int32)
    columns = {
        "suite": ["in-distribution"] * len(episodes),
        "episode": np.arange(len(episodes), dtype=np.int32),
        "scenario_id": episodes.scenario_ids,
        **measured(task, play(entry, task, episodes)),
        "parse_failures": none,
        "tokens_sampled": none,
    }
    files.write_table(args.output, pa.table(columns, schema=files.EVALUATION))


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("baseline", description=__doc__)
    parser.add_argument("--task", required=True, help="the task's config entry with its name, JSON")
    parser.add_argument("--baseline", required=True, help="the baseline's config entry with its name, JSON")
    parser.add_argument("--episodes", required=True, type=int, help="held-out scenarios, one episode each")
    parser.add_argument("--output", required=True, type=Path, help="its evaluation, parquet")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
