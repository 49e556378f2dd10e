"""Config files: read with a check, later ones laid over earlier ones."""

from collections.abc import Iterable
from functools import reduce
from pathlib import Path

from rmft.stages.yaml_files import read_yaml


def lay_over(below: dict, above: dict) -> dict:
    """``above`` laid over ``below``: mappings merge, anything else replaces. As Snakemake lays its config files."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = lay_over(below[key], value) if both else value
    return merged


def read_config(path: Path) -> dict:
    """What one config file says. Raises ValueError, naming the file and the mend, where it is none."""
    said = read_yaml(path)
    if not isinstance(said, dict):
        raise ValueError(f"{path}: must be a mapping of keys; mend it")
    if "__use_yte__" in said:
        raise ValueError(f"{path}: __use_yte__: has Snakemake run code from the file; take it out")
    return said


def read_configs(paths: Iterable[Path]) -> dict:
    """The config that files make, later ones laid over earlier ones."""
    return reduce(lay_over, map(read_config, paths), {})


def unreadable(paths: Iterable[str | Path]) -> str | None:
    """What is wrong with the first config file that cannot be read, or None. To be asked before Snakemake reads it."""
    try:
        for path in filter(Path.exists, map(Path, paths)):
            read_config(path)
    except ValueError as error:
        return str(error)
    return None
