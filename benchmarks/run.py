"""Every benchmark, as one table; with --write, into BENCHMARKS.md. Topics may be named to run these alone."""

import argparse
import importlib
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from measure import ROOT, say, table

TOPICS = (
    "simulation",
    "baselines",
    "rollout",
    "tokens",
    "sft",
    "chunks",
    "numeric",
    "vllm_rollout",
    "engine",
    "grid",
    "bill",
    "theorem",
)
PAGE, BEGIN, END = ROOT / "BENCHMARKS.md", "<!-- table -->", "<!-- end of table -->"


def processor() -> str:
    """The processor's name, where the system says it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def write(text: str) -> None:
    """Put the table between its marks in BENCHMARKS.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main() -> None:
    """Run the topics in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"of {', '.join(TOPICS)}; all of them by default")
    parser.add_argument("--write", action="store_true", help="put the table into BENCHMARKS.md")
    args = parser.parse_args()
    if unknown := set(args.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    rows, start = [], time.perf_counter()
    for topic in args.topics or TOPICS:
        say(f"{topic} ...")
        found = importlib.import_module(topic).rows()
        say(table(found))
        rows += found
    spent = (time.perf_counter() - start) / 60
    text = f"{table(rows)}\n\n{processor()}, Python {platform.python_version()}; {spent:.1f} minutes"
    print(text)
    if args.write:
        write(text)


if __name__ == "__main__":
    main()
