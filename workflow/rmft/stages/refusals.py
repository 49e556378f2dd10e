"""What a schema refuses, in words: the key, what is wrong with it, and the mend."""

import math
from collections.abc import Iterator

import yaml

from rmft.stages.schema import mend, near


def unknown_key(error: object) -> tuple[str, str]:
    """The first key that the schema does not know, and the mend."""
    known = error.schema["properties"]
    key = next(key for key in error.instance if key not in known)
    return f".{key}", f"unknown key; {mend(key, known)}"


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text):,} letters)"


def type_and_mend(value: object, kind: str) -> str:
    """How a wrong type is said; YAML reads 1e-3 as text, which deserves a word."""
    said = f"must be of type {kind}, not {'the text ' * (is_number := _is_number(value))}{shown(value)}"
    number = float(value) if is_number or isinstance(value, float) else math.nan
    if kind == "integer" and number.is_integer() and abs(number) < 1e15:
        return f"{said}; write {int(number)}"
    if kind == "array" and isinstance(value, str):
        return f"{said}; write [{shown(value)}]"
    return f"{said}; write {yaml.safe_dump(number).split()[0]}" if is_number and kind == "number" else said


def _is_number(value: object) -> bool:
    """Whether it is text that says a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def wording(error: object) -> tuple[str, str]:
    """What is appended to the error's key, and what is said about it."""
    value, limit = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        return unknown_key(error)
    if error.validator == "required":
        key = next(key for key in limit if key not in value)
        said = error.schema["properties"].get(key, {}).get("description")
        return f".{key}", f"missing; add it: {said}" if said else "missing; add it"
    sayings = {
        "enum": lambda: f"must be one of {', '.join(map(str, limit))}, not {shown(value)}{near(value, limit)}",
        "type": lambda: type_and_mend(value, limit),
        "minimum": lambda: f"must be {limit} or more, not {shown(value)}",
        "exclusiveMinimum": lambda: f"must be above {limit}, not {shown(value)}",
        "maximum": lambda: f"must be {limit} or less, not {shown(value)}",
        "minItems": lambda: "must name at least one",
        "maxItems": lambda: f"must name {limit} at most, not {len(value)}",
        "maxLength": lambda: f"must have {limit} letters at most, not {len(value)}",
        "minProperties": lambda: "must say at least one thing",
        "uniqueItems": lambda: f"must not say a thing twice: {shown(value)}",
        "pattern": lambda: f"{shown(value)} must be made of a-z, 0-9 and single hyphens, as it becomes a folder's name",
    }
    return "", sayings.get(error.validator, lambda: shown(error.message))()


def of_schema(config: dict, schema: dict) -> Iterator[str]:
    """What the schema refuses, one line each, in the order of the keys."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    kinds = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
        }
    )
    for error in extend(Draft202012Validator, type_checker=kinds)(schema).iter_errors(config):
        more, said = wording(error)
        yield f"{'.'.join(map(str, error.absolute_path))}{more}".lstrip(".") + f": {said}"
