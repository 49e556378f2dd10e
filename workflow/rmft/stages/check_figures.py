"""Refuse a figure that is not all there before the first job: the report would find out last."""

from collections.abc import Iterable
from pathlib import Path

from rmft.stages.yaml_files import read_yaml

WORKFLOW = Path(__file__).parents[2]


def unfinished(names: Iterable[str], workflow: Path = WORKFLOW) -> str | None:
    """What the first figure lacks that is not all there, and the mend."""
    try:
        told = read_yaml(workflow / "figures.yaml") or {}
    except ValueError as error:
        return f"FIGURES: {error}"
    for name in names:
        if not (workflow / f"rmft/figures/{name}.py").exists():
            return f"FIGURES: {name}: no workflow/rmft/figures/{name}.py; write it, or take the name out"
        if not (workflow / f"report/{name}.rst").exists():
            return f"FIGURES: {name}: no workflow/report/{name}.rst; write its caption: a title, an empty line, a paragraph"
        if name not in told:
            return f"FIGURES: {name}: is not in workflow/figures.yaml; say what it is for, as the others do"
    return None
