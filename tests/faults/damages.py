"""Ways to damage a result: of any file, of a table, of text that carries values."""

import csv
import io
import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
Damage = Callable[[Path, random.Random], None]


def cut(path: Path, rng: random.Random) -> None:
    """Cut off at a random byte, as a disk that lost power leaves it."""
    path.write_bytes(path.read_bytes()[: rng.randrange(1, max(2, path.stat().st_size))])


def flipped(path: Path, rng: random.Random) -> None:
    """Sixteen bytes overwritten, in the middle."""
    data = bytearray(path.read_bytes())
    at = rng.randrange(max(1, len(data) - 16))
    data[at : at + 16] = rng.randbytes(16)
    path.write_bytes(bytes(data))


ANY: dict[str, Damage] = {
    "gone": lambda path, rng: path.unlink(),
    "empty": lambda path, rng: path.write_bytes(b""),
    "cut off": cut,
    "overwritten": flipped,
    "binary": lambda path, rng: path.write_bytes(rng.randbytes(200)),
    "a folder": lambda path, rng: (path.unlink(), path.mkdir()),
}


def _column(change: Callable[[pa.Table, str, random.Random], pa.Table], of: Callable[[pa.DataType], bool]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        table = pq.read_table(path)
        names = [field.name for field in table.schema if of(field.type)]
        pq.write_table(change(table, rng.choice(names), rng), path)

    return damage


def _replace(table: pa.Table, name: str, values: list, kind: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def _cell(value: object) -> Callable[[pa.Table, str, random.Random], pa.Table]:
    """One value of a column replaced, within lists the first."""

    def put(old: object) -> object:
        if isinstance(old, list):
            return [put(old[0]), *old[1:]] if old else old if value is not None else None
        return value

    def change(table: pa.Table, name: str, rng: random.Random) -> pa.Table:
        values = table[name].to_pylist()
        row = rng.randrange(len(values))
        values[row] = put(values[row])
        return _replace(table, name, values, table.schema.field(name).type)

    return change


def _floats(kind: pa.DataType) -> bool:
    return _floats(kind.value_type) if pa.types.is_list(kind) else pa.types.is_floating(kind)


def _retyped(table: pa.Table, name: str, rng: random.Random) -> pa.Table:
    return _replace(table, name, ["1"] * table.num_rows, pa.string())


def _rows(choose: Callable[[int, random.Random], list[int]]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        table = pq.read_table(path)
        pq.write_table(table.take(pa.array(choose(table.num_rows, rng), pa.int64())), path)

    return damage


TABLE: dict[str, Damage] = {
    "a column gone": _column(lambda table, name, rng: table.drop_columns(name), lambda kind: True),
    "a column of another type": _column(_retyped, lambda kind: not pa.types.is_string(kind)),
    "a NaN": _column(_cell(math.nan), _floats),
    "an infinity": _column(_cell(math.inf), _floats),
    "nothing in a cell": _column(_cell(None), lambda kind: True),
    "a row twice": _rows(lambda rows, rng: [*range(rows), rng.randrange(rows)]),
    "an episode missing": _rows(lambda rows, rng: rng.sample(range(rows), rows - 1)),
    "no row": _rows(lambda rows, rng: []),
}


def _value(place: object, rng: random.Random, value: object) -> None:
    """Replace a random value of a JSON mapping, in place."""
    while True:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key]:
            place[key] = value
            return
        place = place[key]


def _mapping(value: dict | list) -> dict:
    """The value, or the first of a list."""
    return value[0] if isinstance(value, list) else value


def _json(change: Callable[[dict, random.Random], object]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        value = json.loads(path.read_text())
        change(value, rng)
        path.write_text(json.dumps(value, indent=1) + "\n")

    return damage


JSON: dict[str, Damage] = {
    "a key gone": _json(lambda value, rng: _mapping(value).pop(rng.choice(list(_mapping(value))))),
    "a key too many": _json(lambda value, rng: _mapping(value).update(colour="red")),
    "a list for a value": _json(lambda value, rng: _value(value, rng, [1, 2])),
    "another format": _json(lambda value, rng: _mapping(value).update(format=99)),
}


def _lines(change: Callable[[list[str], random.Random], list[str]]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines(), rng)))

    return damage


def _cell_of(lines: list[str], rng: random.Random, value: str) -> list[str]:
    """A CSV with a random number replaced. Raises IndexError where there is none."""
    rows = list(csv.reader(lines))
    row, column = rng.choice(
        [(i, j) for i, cells in enumerate(rows) for j, cell in enumerate(cells) if NUMBER.fullmatch(cell)]
    )
    rows[row][column] = value
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().splitlines()


LINES: dict[str, Damage] = {
    "a line missing": _lines(lambda lines, rng: lines[:-1]),
    "a line twice": _lines(lambda lines, rng: [*lines, lines[-1]]),
}
CSV: dict[str, Damage] = {
    "a column gone": _lines(lambda lines, rng: [lines[0].replace(lines[0].split(",")[-1], "colour"), *lines[1:]]),
    "a NaN": _lines(lambda lines, rng: _cell_of(lines, rng, "nan")),
    "an infinity": _lines(lambda lines, rng: _cell_of(lines, rng, "inf")),
    "a word for a number": _lines(lambda lines, rng: _cell_of(lines, rng, "wörd")),
    "the head alone": _lines(lambda lines, rng: lines[:1]),
}


def damages(name: str) -> dict[str, Damage]:
    """What can be done to a file, by its name."""
    kinds = {".parquet": TABLE, ".json": JSON, ".jsonl": LINES, ".csv": CSV}
    return ANY | kinds.get(Path(name).suffix, {})
