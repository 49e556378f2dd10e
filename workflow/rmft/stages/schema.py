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


def mend(word: object, known: Iterable[str]) -> str:
    """The nearest known word as a question, or all of them."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"


def of_class(key: str, name: str, kind: type) -> dict:
    """What the config may say of a dataclass that is chosen by ``key: name``."""
    said = {"description": (kind.__doc__ or name).splitlines()[0]}
    keys = {field.name: said | _TYPES.get(field.type, {}) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    then = {"additionalProperties": False, "required": needed, "properties": {key: said} | keys}
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then}


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
