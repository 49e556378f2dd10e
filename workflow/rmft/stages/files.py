"""Files of the contract: their columns, read with a check and written whole or not at all."""

import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rmft.core.trajectory import Play
from rmft.models import seals

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
        "policies": pa.list_(_FLOATS),
        "rewards": _FLOATS,
        "reward_vectors": pa.list_(_FLOATS),
        "mean_rewards": pa.list_(_FLOATS),
        "parse_status": _STRINGS,
        "messages": pa.string(),
        "chat_tokens": pa.list_(pa.int32()),
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
        "diversity": pa.float64(),
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
        "suff_fail_curve": pa.list_(pa.bool_()),
        "min_frac": pa.float64(),
        "greedy_frac": pa.float64(),
        "coverage": pa.float64(),
        "entropy": pa.float64(),
        "policy_entropy": pa.float64(),
        "lucky": pa.bool_(),
        "variation": pa.float64(),
        "parse_failures": pa.int32(),
        "renormalised": pa.int32(),
        "tokens_prompt": pa.int32(),
        "tokens_sampled": pa.int32(),
    }
)
_ROWS = b"rmft.rows"
UNKNOWN = ("information_regret", "policy_entropy", "diversity")  # NaN, or nothing, where a task or policy has none


def broken(path: Path, why: str) -> ValueError:
    """What to raise for a file that says something else than it should, with the mend."""
    return ValueError(f"{path}: {why}; delete it and run the same command again to have it made anew")


def present(path: Path) -> Path:
    """The path of a file that is there. Raises ValueError, with the command that makes it, where there is none."""
    if not path.is_file():
        raise ValueError(f"{path}: is missing; make it with: snakemake {path}")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` when the block ends well, and vanishes when it does not. What
    a killed process left behind of the same file vanishes too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        seals.seal(temporary, path)
        _to_disk(temporary)
        temporary.replace(path)
        for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            left.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Have the file on the disk before its name is: without this a machine that loses power may keep the name alone."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def let_others_read(folder: Path) -> None:
    """Give a folder's files the modes that the umask leaves them: safetensors makes its own for their owner alone."""
    mask = os.umask(0o077)
    os.umask(mask)
    for file in filter(Path.is_file, folder.iterdir()):
        file.chmod(0o666 & ~mask)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a parquet file, whole or not at all, with sums of its pages and, in its metadata, the number of its rows:
    without a seal too a change of its bytes is seen."""
    with replacing(path) as temporary:
        counted = table.replace_schema_metadata({**(table.schema.metadata or {}), _ROWS: str(table.num_rows)})
        pq.write_table(counted, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a parquet file of the contract. Raises ValueError, naming file, column and mend, where it is not one."""
    seals.check(path)
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise broken(path, f"cannot be read ({error})") from None
    written = (table.schema.metadata or {}).get(_ROWS, str(table.num_rows).encode())
    if written != str(table.num_rows).encode():
        raise broken(path, f"holds {table.num_rows} rows, but {written.decode(errors='replace')} were written")
    for field in schema:
        if field.name not in table.column_names:
            raise broken(path, f"column {field.name} is missing")
        if (kind := table.schema.field(field.name).type) != field.type:
            raise broken(path, f"column {field.name} is {kind}, not {field.type}")
    if table.num_rows == 0:
        raise broken(path, "holds no row")
    table = table.select(schema.names)
    suites = np.array(table["suite"]) if "suite" in schema.names else np.zeros(table.num_rows)
    for field in schema:
        column = table[field.name].combine_chunks()
        row = _partly_known(column, suites) if field.name in UNKNOWN else _first_bad(column)
        if row is not None:
            raise broken(path, f"row {row}, column {field.name}: nothing there, or no finite number")
    return table


def _first_bad(column: pa.Array) -> int | None:
    """The first row that is empty, or whose numbers are not finite; None where all are well."""
    rows = np.arange(len(column))
    if column.null_count:
        return int(rows[column.is_null().to_numpy(zero_copy_only=False)][0])
    while pa.types.is_list(column.type):
        rows = np.repeat(rows, column.value_lengths().to_numpy(zero_copy_only=False))
        column = column.flatten()
    if not pa.types.is_floating(column.type):
        return None
    values = column.to_numpy(zero_copy_only=False)  # NaN where a number is missing
    bad = ~np.isfinite(values)
    return int(rows[bad][0]) if bad.any() else None


def _partly_known(column: pa.Array, suites: np.ndarray) -> int | None:
    """The first row without a number where others of its suite have one, or with an infinity; None where all are well."""
    values = column.to_numpy(zero_copy_only=False).astype(float)
    known = {suite: np.isfinite(values[suites == suite]).any() for suite in set(suites.tolist())}
    bad = np.isinf(values) | np.isnan(values) & np.array([known[suite] for suite in suites.tolist()])
    return int(np.flatnonzero(bad)[0]) if bad.any() else None


def read_json(path: Path, *keys: str) -> dict:
    """Read a JSON mapping with at least ``keys``. Raises ValueError, naming the file and the mend, where it is not one."""
    seals.check(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict) or not set(keys) <= set(value):
            raise ValueError(f"not a mapping with {', '.join(keys)}")
    except (OSError, ValueError) as error:
        raise broken(path, f"cannot be read ({error})") from None
    return value


def lists(values: np.ndarray) -> pa.Array:
    """A column of nested lists from an array of two or more axes, one row for each of its first axis."""
    column = pa.array(np.ascontiguousarray(values).ravel())
    for axis in range(values.ndim - 1, 0, -1):
        ends = np.arange(0, len(column) + 1, values.shape[axis], dtype=np.int32)
        column = pa.ListArray.from_arrays(ends, column)
    return column


def array(column: pa.ChunkedArray) -> np.ndarray:
    """The array of a column of nested lists. Raises ValueError where their lengths differ or a number is missing."""
    flat, shape = column.combine_chunks(), [len(column)]
    while pa.types.is_list(flat.type):
        sizes = np.unique(flat.value_lengths().to_numpy(zero_copy_only=False))
        if len(sizes) != 1 or flat.null_count:
            raise ValueError("lengths differ")
        shape.append(int(sizes[0]))
        flat = flat.flatten()
        if not shape[-1]:
            break
    if flat.null_count:
        raise ValueError("a number is missing or not finite")
    return flat.to_numpy(zero_copy_only=False).reshape(shape) if shape[-1] else np.empty(shape)


def plays(table: pa.Table, path: Path) -> Play:
    """What the trajectories of one task were. Raises ValueError where actions, rewards or means are not of its shape."""
    episodes, arms, horizon = table.num_rows, table["arms"][0].as_py(), table["horizon"][0].as_py()
    full = (episodes, horizon, arms)
    names = ("actions", "rewards", "mean_rewards", "reward_vectors", "policies")
    try:
        actions, rewards, means, vectors, policies = (array(table[name]) for name in names)
        vectors, policies = (values if values.size else None for values in (vectors, policies))
        if not actions.shape == rewards.shape == full[:2] or means.shape not in (full, (episodes, 1, arms)):
            raise ValueError("lengths differ")
        if any(values is not None and values.shape != full for values in (vectors, policies)):
            raise ValueError("lengths differ")
        numbers = [values for values in (rewards, means, vectors, policies) if values is not None]
        if actions.dtype.kind != "i" or not all(np.isfinite(values).all() for values in numbers):
            raise ValueError("a number is missing or not finite")
        if (actions < -1).any() or (actions >= arms).any():
            raise ValueError(f"an action is none of the {arms} arms")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: actions, rewards or means: {error}; delete it and roll out again") from None
    return Play(actions, rewards, means, vectors, policies)


def chats(messages: str) -> list[list[dict[str, str]]]:
    """The conversations of a trajectory's ``messages`` (JSON): one of a dialogue, one for each step of summaries."""
    value = json.loads(messages)
    return value if value and isinstance(value[0], list) else [value]


def check_task(table: pa.Table, path: Path, task: str) -> None:
    """Raises ValueError where trajectories are not of this task (JSON): their regrets would be wrong in silence."""
    if {json.dumps(json.loads(task), sort_keys=True)} != set(table["task"].to_pylist()):
        raise ValueError(f"{path}: was not rolled out on the task of --task; delete it and roll out again")
