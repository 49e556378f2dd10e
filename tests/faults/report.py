"""What a campaign of faults found: counted, with the command that repeats it."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))


@dataclass
class Count:
    """One line of RELIABILITY.md: what was tried how often, how it ended, and what did not end as it should."""

    what: str
    ends: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def ended(self, how: str) -> None:
        """One more that ended well, in this way."""
        self.ends[how] = self.ends.get(how, 0) + 1

    def failed(self, what: str) -> None:
        """One that did not end as it should."""
        self.failures.append(what)
        say(f"  FAILED {self.what}: {what}")

    @property
    def tried(self) -> int:
        """All of them."""
        return sum(self.ends.values()) + len(self.failures)

    def row(self, command: str) -> str:
        """The line of the table."""
        ways = ", ".join(f"{many:,} {how}" for how, many in sorted(self.ends.items()))
        held = self.tried - len(self.failures)
        return f"| {self.what} | {self.tried:,} | {held:,} | {ways} | `{command}` |"


def say(text: str) -> None:
    """Progress, beside the table on stdout."""
    print(text, file=sys.stderr, flush=True)
