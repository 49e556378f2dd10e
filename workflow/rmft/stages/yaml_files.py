"""YAML files as every program and the Snakefile read them."""

from pathlib import Path

import yaml

# By libyaml where it is there, as every cluster job parses the workflow again.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> object:
    """What a YAML file says. Raises ValueError, naming the file, where it is not one."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); mend it") from None
