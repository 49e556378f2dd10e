"""Attack the pipeline: campaigns of faults, counted, all or by name: torture.py config files --rounds 3 --seed 7.

Every row names what was tried, how many held, and how they ended. The exit status is 1 where anything did not hold.
"""

import argparse
import importlib
import os
import sys
import time

from report import ROOT, say

CAMPAIGNS = ("config", "files", "output", "kills", "snakemake", "api", "machine")
PAGE, BEGIN, END = ROOT / "RELIABILITY.md", "<!-- table -->", "<!-- end of table -->"
HEAD = "| what | tried | held | how they ended | command |\n|---|---|---|---|---|"


def write(text: str) -> None:
    """Put the table between its marks in RELIABILITY.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def main() -> int:
    """Run the campaigns in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="campaign", help=f"of {', '.join(CAMPAIGNS)}; all by default")
    parser.add_argument("--rounds", type=int, default=1, help="how much of each; RELIABILITY.md says for how many")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--write", action="store_true", help="put the table into RELIABILITY.md")
    args = parser.parse_args()
    if unknown := set(args.campaigns) - set(CAMPAIGNS):
        parser.error(f"no such campaign: {', '.join(sorted(unknown))}")
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}  # before torch is there: processes are forked
    rows, failed, start = [HEAD], 0, time.monotonic()
    for name in args.campaigns or CAMPAIGNS:
        say(f"{name} ...")
        command = f"torture.py {name} --rounds {args.rounds} --seed {args.seed}"
        for count in importlib.import_module(f"campaign_{name}").counts(args.rounds, args.seed):
            rows.append(count.row(command))
            say(rows[-1])
            failed += len(count.failures) + (count.tried == 0)  # what tried nothing did not hold
    text = "\n".join(rows) + f"\n\n{(time.monotonic() - start) / 60:.1f} minutes; {failed} did not hold"
    print(text)
    if args.write:
        write(text)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
