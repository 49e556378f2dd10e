"""Gather what reasonings came to: how they agree with the numbers, and what is said on histories that are fixed."""

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rmft.core.ratios import bounds, p_of_rise, ratios
from rmft.core.seeding import generator
from rmft.stages import files, program
from rmft.stages.experiment import policy_cell
from rmft.stages.files import broken, present
from rmft.stages.reason import REASONING
from rmft.stages.table_columns import CELL, COLUMNS, PROBE, ROW, bounded
from rmft.stages.table_files import of_seeds, read_table, text_of, write_table

SHARES = {"aligned": ("right", "stated"), "aligned_all": ("right_all", "stated_all")}  # compared with the base policy
MORE = {"numeric_error": ("error", "numbers"), "acts": ("acted", "right")}
OF_STEPS = {"stated": "stated", "explores": "explores", "exploits": "exploits", "knows": "right"}
Read = Callable[[str, str, str, str, int], pd.DataFrame]


def policies(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of summary.csv that are of policies in words."""
    return summary[summary["kind"] == "policy"][ROW]


def alignment(rows: pd.DataFrame, read: Read) -> pd.DataFrame:
    """reasoning.csv: a row for each of ``rows``; the change is against the base policy on the same scenarios."""
    table = []
    for row in rows.to_dict("records"):
        seeds = rows[of_seeds(rows, row)]["seed"]
        parts = [_episodes(read, row, seed, row["iteration"]) for seed in seeds]
        before = [_episodes(read, row, seed, 0) for seed in seeds]
        if any(len(now) != len(then) for now, then in zip(parts, before, strict=True)):
            raise ValueError(
                f"{row['model']}, {row['task']}: policies played other numbers of episodes; evaluate again"
            )
        table.append(row | _measured(parts, before, rng=_stream(row)))
    return pd.DataFrame(table, columns=COLUMNS["reasoning"])


def _episodes(read: Read, row: dict, seed: str, iteration: int) -> pd.DataFrame:
    """The episodes of a policy under the row's suite."""
    found = read(row["model"], row["task"], row["method"] if iteration else "base", seed, iteration)
    found = found[found["suite"] == row["suite"]].sort_values("episode")
    if found.empty:
        raise ValueError(
            f"reasoning.parquet of {row['task']}, seed {seed}: holds no suite {row['suite']}; make it again"
        )
    return found


def _stream(row: dict) -> np.random.Generator:
    """The bootstrap's stream, named by its row; one for all methods at iteration 0, which is the same policy."""
    method = row["method"] if row["iteration"] else "base"
    where = [row["model"], row["task"], method, row["seed"], int(row["iteration"]), row["suite"]]
    return generator("reasoning", *where)


def _measured(parts: list[pd.DataFrame], before: list[pd.DataFrame], *, rng: np.random.Generator) -> dict[str, float]:
    """The numbers of a row: of each seed its episodes (``parts``) and those of the base policy. Episodes and steps are those
    of all seeds together; in ratios each seed weighs the same."""
    own = SHARES | MORE | {name: (over, "steps") for name, over in OF_STEPS.items()}
    stacks = [
        np.concatenate([_pairs(now, own), _pairs(then, SHARES)], axis=1)
        for now, then in zip(parts, before, strict=True)
    ]
    value, drawn = ratios(stacks, rng=rng)
    found = {"episodes": sum(map(len, parts)), "steps": sum(int(part["steps"].sum()) for part in parts)}
    for i, name in enumerate(own):
        found |= _bounded(name, value[i], drawn[:, i])
    for i, name in enumerate(SHARES):
        change, changes = value[i] - value[len(own) + i], drawn[:, i] - drawn[:, len(own) + i]
        found |= _bounded(f"change_{name}", change, changes) | {f"p_change_{name}": p_of_rise(change, changes)}
    return found


def _pairs(episodes: pd.DataFrame, shares: dict[str, tuple[str, str]]) -> np.ndarray:
    """Numerators and denominators, E x C x 2."""
    return np.stack([episodes[list(pair)].to_numpy(float) for pair in shares.values()], axis=1)


def _bounded(name: str, value: float, drawn: np.ndarray) -> dict[str, float]:
    return dict(zip(bounded(name), [value, *bounds(value, drawn)], strict=True))


def probes(rows: pd.DataFrame, results: Path) -> pd.DataFrame:
    """probes.csv: what the base policy and the last one of every run said on the fixed histories."""
    runs = rows[rows["seed"] != "all"].drop_duplicates(CELL)
    last = runs.groupby(["model", "task", "method", "seed"])["iteration"].transform("max")
    table = []
    for row in runs[runs["iteration"].isin([0]) | (runs["iteration"] == last)][CELL].to_dict("records"):
        path = policy_cell(results, **row) / "probes.jsonl"
        table += [row | {key: said[key] for key in PROBE} for said in read_lines(path)]
    return pd.DataFrame(table, columns=COLUMNS["probes"])


def read_lines(path: Path) -> list[dict]:
    """The rows of a probes.jsonl. Raises ValueError, naming the file and the mend, where it is not one."""
    try:
        rows = [{key: json.loads(line)[key] for key in PROBE} for line in text_of(path).splitlines()]
        replies = Counter(row["history"] for row in rows)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise broken(path, f"cannot be read ({error!r})") from None
    if odd := next((name for name, many in replies.items() if many != max(replies.values())), None):
        raise broken(path, f"history {odd} has {replies[odd]} replies, others {max(replies.values())}")
    return rows


def work(args: Namespace) -> None:
    """Write both tables."""
    rows = policies(read_table(args.summary.parent, args.summary.stem))

    @cache
    def read(*where: object) -> pd.DataFrame:
        path = policy_cell(args.results, *where) / "reasoning.parquet"
        return files.read_table(present(path), pa.schema(REASONING)).to_pandas()

    tables = {"reasoning": alignment(rows, read), "probes": probes(rows, args.results)}
    if sorted(path.stem for path in args.output) != sorted(tables):
        raise ValueError("--output: must be the files probes.csv and reasoning.csv")
    for path in args.output:
        write_table(path, tables[path.stem])


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("reasoning_tables", description=__doc__)
    parser.add_argument("--summary", required=True, type=Path, help="summary.csv: which policies there are")
    parser.add_argument("--results", required=True, type=Path, help="the folder that holds cells/")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="reasoning.csv and probes.csv")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
