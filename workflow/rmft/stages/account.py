"""The account of a closed model: the folder where its bill, its terms, and all that was bought stand."""

import re
from pathlib import Path

from rmft.models.openai_terms import Terms, terms_from_config
from rmft.stages import files


def account_of(folder: str) -> tuple[Path, Terms]:
    """The folder, and the terms of the bill in it. Raises ValueError where no bill covers what is selected."""
    path = Path(folder) / "bill.json"
    bill = files.read_json(path, "terms", "usd", "covered")
    if not bill["covered"]:
        raise ValueError(f"{path}: the bill is not covered; raise max_usd and make it again (rule bill)")
    return path.parent, terms_from_config(bill["terms"])


def purchaser(output: Path) -> str:
    """The name under which an output's replies are bought: its path from the cell's task on."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", "/".join(output.with_suffix("").parts[-5:])).strip("-")
