"""Every key of the config is described in the schema and commented in the files."""

import re
from pathlib import Path

import pytest
import yaml

from rmft.stages.check_config import WORKFLOW

ROOT = WORKFLOW.parent
SCHEMA = yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text())


def described(schema: dict, at: str = "") -> list[str]:
    """Paths of the properties that lack a description."""
    bare = []
    for key, value in schema.get("properties", {}).items():
        bare += [f"{at}.{key}"] if not value.get("description") else []
        bare += described(value, f"{at}.{key}")
    for part in [schema.get("then"), schema.get("additionalProperties"), *schema.get("allOf", [])]:
        bare += described(part, at) if isinstance(part, dict) else []
    return bare


def objects(schema: object, at: str = "") -> list[str]:
    """Paths of the mappings with fixed keys that would accept an unknown one."""
    if not isinstance(schema, dict):
        return []
    fixed = schema.get("type") == "object" and "properties" in schema
    closed = "additionalProperties" in schema or "allOf" in schema
    return [at] * (fixed and not closed) + [
        path for key, value in schema.items() for path in objects(value, f"{at}.{key}")
    ]


def test_every_key_of_the_schema_is_described_and_every_mapping_closed():
    assert described(SCHEMA) == []
    assert objects(SCHEMA) == []


@pytest.mark.parametrize("name", ["config.yaml", "config.laptop.yaml", "config.paper-laptop.yaml"])
def test_every_key_of_the_config_is_commented(name):
    lines = Path(ROOT / name).read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r" *[a-z0-9_-]+:", line)]
    assert keys
    assert [lines[i] for i in keys if " # " not in lines[i] and not lines[i - 1].lstrip().startswith("#")] == []
