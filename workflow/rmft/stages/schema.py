"""The schema of the config: the file, and the kinds that the code has beyond it.

A reward process, a drift or a baseline is one place in the code, a frozen dataclass and its name in a mapping. Where the
file has no part for it yet, its fields are its keys and its docstring describes them.
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path

from rmft.core.drifts import DRIFTS
from rmft.core.policies import POLICIES
from rmft.core.rewards import PROCESSES
from rmft.stages.yaml_files import read_yaml

FILE = Path(__file__).parents[2] / "schemas/config.schema.yaml"
_TYPES = {
    float: {"$ref": "#/$defs/number"},
    int: {"type": "integer", "maximum": 1_000_000_000},
    str: {"type": "string"},
}


def near(word: object, known: Iterable[str]) -> str:
    """The nearest known word as a question, after what was said; nothing where none is near."""
    found = difflib.get_close_matches(str(word), list(map(str, known)), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def mend(word: object, known: Iterable[str]) -> str:
    """The nearest known word as a question, or all of them."""
    known = sorted(map(str, known))
    return near(word, known).removeprefix("; ") or f"one of: {', '.join(known)}"


def of_class(key: str, name: str, kind: type) -> dict:
    """What the config may say of a dataclass that is chosen by ``key: name``."""
    said = {"description": (kind.__doc__ or name).splitlines()[0]}
    keys = {field.name: said | _TYPES.get(field.type, {}) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    then = {"additionalProperties": False, "required": needed, "properties": {key: said} | keys}
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then}


# What a class of each kind must have: all of a set, where there are two all of either.
_HAS = {
    "PROCESSES": (PROCESSES, {"draw", "centre"}),
    "DRIFTS": (DRIFTS, {"path", "bounds"}),
    "POLICIES": (POLICIES, {"label", "__call__"}, {"label", "told"}),
}


def of_code() -> Iterator[str]:
    """Classes that the code names as a kind and that lack what the kind needs."""
    for registry, (kinds, *ways) in _HAS.items():
        for name, kind in kinds.items():
            if lacks := min((sorted(way - {*dir(kind)}) for way in ways), key=len):
                yield f"{registry}: {name}: {kind.__name__} in the code has no {lacks[0]}; see docs/adding.md"


def parts(schema: dict) -> Iterator[tuple[dict, str, dict[str, type]]]:
    """The parts of the schema that choose a kind, the key that names it, and the kinds that the code has."""
    yield schema["$defs"]["process"], "kind", PROCESSES
    yield schema["$defs"]["drift"], "kind", DRIFTS
    yield schema["properties"]["baselines"]["additionalProperties"], "policy", POLICIES


@cache
def read_schema() -> dict:
    """The schema of the config as it stands, with a part for each kind."""
    schema = read_yaml(FILE)
    for part, key, kinds in parts(schema):
        known = part["properties"][key]["enum"]
        part["allOf"] += [of_class(key, name, kind) for name, kind in kinds.items() if name not in known]
        known += [name for name in kinds if name not in known]
    return schema
