"""What a model's cells have spent, and the limit that all of them share.

Each purchaser has a file of its own in one folder: what it has paid, and what its requests under way may come to. It writes
its claim first and adds all files up then, so that of purchasers side by side none goes beyond the limit.
"""

import json
import os
from pathlib import Path

from rmft.models.openai_store import recall

_NOTHING = {"usd": 0.0, "reserved": 0.0, "prompt": 0, "sampled": 0, "trained": 0}


def total(folder: Path, *, but: Path | None = None) -> float:
    """Dollars that all purchasers of a folder have paid and reserved."""
    found = [recall(path) for path in sorted(folder.glob("*.json")) if path != but]
    return sum(entry["usd"] + entry["reserved"] for entry in found)


class Spending:
    """A purchaser's own account, ``path``, beside those of the others in its folder. ``paid``: what its journal says."""

    def __init__(self, path: Path, limit: float, paid: list[dict] = ()) -> None:
        self.path, self.limit, self.own = path, limit, dict(_NOTHING)
        for entry in paid:
            self._count(entry)
        self._write()

    def left(self) -> float:
        """Dollars that may still be reserved."""
        return self.limit - total(self.path.parent, but=self.path) - self.own["usd"] - self.own["reserved"]

    def claim(self, usd: float) -> None:
        """Set money aside for what is under way already."""
        self.own["reserved"] += usd
        self._write()

    def reserve(self, usd: float, what: str) -> None:
        """Set money aside. Raises ValueError where the limit does not leave it."""
        self.claim(usd)
        if (left := self.left()) < -1e-9:
            self.release(usd)
            raise ValueError(
                f"max_usd: of {self.limit:g} dollars {left + usd:.4f} are left, and {what} may cost {usd:.4f}; what was "
                "bought is kept: raise max_usd and run the same command again"
            )

    def release(self, usd: float) -> None:
        """Give back what was set aside."""
        self.own["reserved"] = max(0.0, self.own["reserved"] - usd)
        self._write()

    def pay(self, entries: list[dict], *, reserved: float) -> None:
        """Book what was paid for, in place of what was set aside. Entries: usd, prompt, sampled, trained, if any."""
        for entry in entries:
            self._count(entry)
        self.release(reserved)

    def _count(self, entry: dict) -> None:
        for key in _NOTHING:
            self.own[key] += entry.get(key, 0)

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self.own) + "\n", encoding="utf-8")
        temporary.replace(self.path)
