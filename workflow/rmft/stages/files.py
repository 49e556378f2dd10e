"""Files of the contract: their columns, read with a check and written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

_FLOATS, _STRINGS = pa.list_(pa.float64()), pa.list_(pa.string())
TRAJECTORIES = pa.schema(
    {
        "trajectory_id": pa.string(),
        "scenario_id": pa.string(),
        "episode_seed": pa.uint64(),
        "task": pa.string(),
        "arms": pa.int32(),
        "horizon": pa.int32(),
        "actions": pa.list_(pa.int32()),
        "rewards": _FLOATS,
        "mean_rewards": pa.list_(_FLOATS),
        "parse_status": _STRINGS,
        "messages": pa.string(),
        "token_ids": pa.list_(pa.int32()),
        "loss_mask": pa.list_(pa.int8()),
        "status": pa.string(),
        "tokens_prompt": pa.int32(),
        "tokens_sampled": pa.int32(),
    }
)
HELDOUT = TRAJECTORIES.append(pa.field("suite", pa.string()))
REGRET = pa.schema(
    {
        "trajectory_id": pa.string(),
        "scenario_id": pa.string(),
        "regret": pa.float64(),
        "information_regret": pa.float64(),
        "reward": pa.float64(),
        "curve": _FLOATS,
        "lucky": pa.bool_(),
        "eligible": pa.bool_(),
    }
)
EVALUATION = pa.schema(
    {
        "suite": pa.string(),
        "episode": pa.int32(),
        "scenario_id": pa.string(),
        "regret": pa.float64(),
        "information_regret": pa.float64(),
        "reward": pa.float64(),
        "curve": _FLOATS,
        "suff_fail": pa.bool_(),
        "min_frac": pa.float64(),
        "greedy_frac": pa.float64(),
        "coverage": pa.float64(),
        "lucky": pa.bool_(),
        "parse_failures": pa.int32(),
        "tokens_sampled": pa.int32(),
    }
)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a parquet file, whole or not at all."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a parquet file of the contract. Raises ValueError, naming file, column and mend, where it is not one."""
    mend = "delete it and run the same command again to have it made anew"
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: cannot be read ({error}); {mend}") from None
    for field in schema:
        if field.name not in table.column_names:
            raise ValueError(f"{path}: column {field.name} is missing; {mend}")
        if table.schema.field(field.name).type != field.type:
            raise ValueError(
                f"{path}: column {field.name} is {table.schema.field(field.name).type}, not {field.type}; {mend}"
            )
    if table.num_rows == 0:
        raise ValueError(f"{path}: holds no row; {mend}")
    return table.select(schema.names)


def read_json(path: Path, *keys: str) -> dict:
    """Read a JSON mapping with at least ``keys``. Raises ValueError, naming the file and the mend, where it is not one."""
    try:
        value = json.loads(path.read_text())
        if not isinstance(value, dict) or not set(keys) <= set(value):
            raise ValueError(f"not a mapping with {', '.join(keys)}")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it and run the same command again") from None
    return value


def read_yaml(path: Path) -> object:
    """Read a YAML file. Raises ValueError, naming the file, where it is not one."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); mend it") from None


def arrays(table: pa.Table, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actions and rewards (E x T) and mean rewards (E x 1|T x K) of trajectories. Raises ValueError where they are not."""
    episodes, arms, horizon = table.num_rows, table["arms"][0].as_py(), table["horizon"][0].as_py()
    try:
        actions, rewards, means = (np.array(table[name].to_pylist()) for name in ("actions", "rewards", "mean_rewards"))
        if not actions.shape == rewards.shape == (episodes, horizon) or means.shape not in (
            (episodes, 1, arms),
            (episodes, horizon, arms),
        ):
            raise ValueError("lengths differ")
        if actions.dtype.kind != "i" or not (np.isfinite(rewards).all() and np.isfinite(means).all()):
            raise ValueError("a number is missing or not finite")
        if (actions < -1).any() or (actions >= arms).any():
            raise ValueError(f"an action is none of the {arms} arms")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: actions, rewards or mean_rewards: {error}; delete it and roll out again") from None
    return actions, rewards, means


def check_task(table: pa.Table, path: Path, task: str) -> None:
    """Raises ValueError where trajectories are not of this task (JSON): their regrets would be wrong in silence."""
    if {json.dumps(json.loads(task), sort_keys=True)} != set(table["task"].to_pylist()):
        raise ValueError(f"{path}: was not rolled out on the task of --task; delete it and roll out again")
