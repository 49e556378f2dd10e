"""What failed, said once more at the end of a run: the last line of each failed job's log."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rmft.stages.status import last_line

# As Snakemake names the log of a failed job: in the command that failed, which is all that it shows when it is quiet.
_LOG = re.compile(r"(results/logs/\S+?\.log)(?= 2>&1' returned non-zero| \(check log)")


def failures(logs: Iterable[str]) -> Iterator[str]:
    """A line for each failed job that Snakemake's own logs tell of: its log, and what that says last."""
    for path in dict.fromkeys(
        found for log in logs for found in _LOG.findall(Path(log).read_text(encoding="utf-8", errors="replace"))
    ):
        yield f"failed: {path}: {last_line(Path(path))}"
