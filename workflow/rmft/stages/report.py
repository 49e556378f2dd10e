"""report: one self-contained page of the figures, the main table and where they come from."""

import argparse
import base64
import hashlib
import json
import os
import platform
import struct
import subprocess
import sys
from collections import defaultdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from rmft.figures import FIGURES, style
from rmft.figures.suites import after, best, sign
from rmft.stages import files, program
from rmft.stages.draw import read_table
from rmft.stages.findings import Cell, bounded, findings, number

TITLE = "Iterative Regret-Minimization Fine-Tuning"
PACKAGES = ["torch", "transformers", "peft", "tokenizers", "numpy", "pandas", "pyarrow", "matplotlib", "snakemake"]
METRICS = {
    "regret": "regret at T",
    "change": "change",
    "information_regret": "information regret",
    "suff_fail": "SuffFail(T/2)",
    "min_frac": "K·MinFrac",
}
PLAIN = {"greedy_frac": "GreedyFrac", "coverage": "arms tried"}
RATES = {"parse_failure_rate": "answers failed", "renormalised_rate": "answers renormalised"}


def table_row(name: str, row: pd.Series) -> list[Cell]:
    """The cells of one row of the main table."""
    cells = [bounded(row, metric) for metric in METRICS]
    if row["iteration"] is not pd.NA and row["iteration"] == 0:
        cells[list(METRICS).index("change")] = ("–", "")
    plain = [(number(row["greedy_frac"]), ""), (number(row["coverage"]), "")]
    rates = [("–" if row["kind"] != "policy" else f"{row[rate]:.2%}", "") for rate in RATES]
    return [(name, ""), *cells, *plain, *rates]


def groups(summary: pd.DataFrame, pair: style.Pair) -> list[dict]:
    """The main table: the base policy, each method iteration by iteration, the baselines from best to worst."""
    own = style.of_pair(style.policies(summary), pair)
    pooled = own[own["seed"] == "all"]
    base = pooled[pooled["iteration"] == 0].iloc[0]
    found = [{"title": "before fine-tuning", "rows": [table_row("base policy", base)]}]
    for label, rows in pooled[pooled["iteration"] > 0].groupby("label", sort=False):
        steps = [table_row(f"iteration {row['iteration']}", row) for _, row in rows.iterrows()]
        found.append({"title": label, "rows": steps})
    rivals = style.baselines(summary, pair[1]).sort_values("regret")
    found.append({"title": "baselines", "rows": [table_row(row["label"], row) for _, row in rivals.iterrows()]})
    return found


def seed_rows(summary: pd.DataFrame, selection: pd.DataFrame, pair: style.Pair) -> list[list[Cell]]:
    """First against last iteration of each method, seed by seed."""
    own = style.of_pair(style.policies(summary), pair)
    chosen, rows = style.of_pair(selection, pair), []
    for (label, method, seed), part in own[own["seed"] != "all"].groupby(["label", "method", "seed"], sort=False):
        part = part.sort_values("iteration")
        first, last = part.iloc[0], part.iloc[-1]
        picks = chosen[(chosen["method"] == method) & (chosen["seed"] == seed)].sort_values("iteration")
        ratio = number(last["regret"] / first["regret"])
        luck = f"{picks['lucky_selected'].iloc[0]:.0%} → {picks['lucky_selected'].iloc[-1]:.0%}"
        failing = f"{number(first['suff_fail'])} → {number(last['suff_fail'])}"
        regrets = [bounded(first, "regret"), bounded(last, "regret")]
        rows.append([(label, ""), (seed, ""), *regrets, (ratio, ""), (failing, ""), (luck, "")])
    return rows


def suite_rows(summary: pd.DataFrame, pair: style.Pair) -> list[list[Cell]]:
    """Under each suite, for each method: before, after, the paired change and its sign, the best baseline."""
    pooled = style.of_pair(style.policies(summary), pair)
    pooled = pooled[(pooled["seed"] == "all") & (pooled["suite"] != style.PRIMARY_SUITE)]
    rivals, rows = style.baselines(summary, pair[1]), []
    for suite in style.unique(pooled["suite"]):
        here = pooled[pooled["suite"] == suite]
        base, rival = here[here["iteration"] == 0].iloc[0], best(rivals, suite)
        against = ("–", "") if rival is None else (number(rival["regret"]), rival["label"])
        for _, last in after(here).iterrows():
            moves = f", V_T {number(last['variation'])}"
            name = (f"{suite} (T={last['horizon']})", last["measure"] + moves * int(last["variation"] > 0))
            values = [bounded(row, metric) for row, metric in ((base, "regret"), (last, "regret"), (last, "change"))]
            rows.append([name, (last["label"], ""), *values, (sign(last), ""), against])
    return rows


def figures(folder: Path, captions: Path) -> list[dict]:
    """Every figure with its caption. Raises ValueError, naming the file, for one that is missing."""
    found = []
    for name in FIGURES:
        image = _read(folder / f"{name}.png", f"snakemake {folder}/{name}.png")
        title, _, body = _read(captions / f"{name}.rst", "git checkout").decode().strip().partition("\n\n")
        width, height = struct.unpack(">II", image[16:24])
        tables = ", ".join(f"tables/{t}.csv" for t in import_module(f"rmft.figures.{name}").TABLES)
        encoded = base64.b64encode(image).decode()
        found.append({"name": name, "caption": (title, body), "png": encoded, "width": width, "height": height})
        found[-1]["tables"] = tables
    return found


def _read(path: Path, mend: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise ValueError(f"{path}: is missing; make it with: {mend}") from None


def of_runs(experiment: dict, key: str) -> list[int]:
    """The different values that the runs of the experiment have: their seeds, or their numbers of iterations."""
    return sorted({run[key] for run in experiment["runs"]})


def ours(experiment: dict, selection: pd.DataFrame, config: dict) -> list[str]:
    """Our own choices, in words, with the numbers of this run."""
    entries = {name: suites[style.PRIMARY_SUITE] for name, suites in experiment["tasks"].items()}
    tasks = "; ".join(
        f"{name} (K={t['arms']}, T={t['horizon']}; means {_entry(t['means'])}; rewards {_entry(t['rewards'])})"
        for name, t in {**entries, **experiment["calibration_tasks"]}.items()
    )
    iterations = "/".join(map(str, of_runs(experiment, "iterations")))
    size = "/".join(f"{n:,}" for n in style.unique(selection["trajectories"]))
    kept = "/".join(f"{n:,}" for n in style.unique(selection["selected"]))
    choices = [
        f"Tasks: {tasks}.",
        f"{iterations} iterations; {size} trajectories rolled out and {kept} selected in each, for each seed.",
        f"Methods: {', '.join(style.unique(selection['label']))}. The paper ranks by the oracle's regret; "
        "information regret (the same regret averaged over what the trajectory could not know) and the random control "
        "are ours.",
        "A trajectory counts as lucky if it left an arm untried and yet mostly played the best one.",
        "A step without a valid action costs as much as the worst arm.",
        f"Models: {', '.join(experiment['models'])}. A laptop model is trained by the pipeline itself, on dialogues of "
        "imperfect players.",
    ]
    if numeric := sorted({run["model"] for run in experiment["runs"] if run.get("kind") == "numeric"}):
        choices.append(
            f"Numeric models: {', '.join(numeric)}. They explore by Gaussian noise on what comes out, once for an episode "
            "or at every step; the distribution as played is recorded and imitated, and evaluation is without noise."
        )
    if rollout := config.get("rollout"):
        own = {key: value for key, value in rollout.items() if key != "temperature"}
        choices.append(f"Rollout: {_entry(own)} (but temperature {rollout.get('temperature', 1.0)} is the paper's).")
    return choices


def _entry(entry: dict) -> str:
    numbers = ", ".join(f"{key} {value}" for key, value in entry.items() if key != "kind")
    return ": ".join(filter(None, [entry.get("kind"), numbers]))


def durations(folder: Path) -> list[list[str]]:
    """Per stage (the first folder, or the file's name): jobs, total and longest time, peak memory."""
    found = defaultdict(list)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            row = pd.read_csv(path, sep="\t").iloc[-1]
            found[path.relative_to(folder).parts[0].split(".")[0]].append((float(row["s"]), float(row["max_rss"])))
        except (ValueError, KeyError, IndexError, pd.errors.ParserError):
            continue
    rows = []
    for stage, jobs in sorted(found.items(), key=lambda item: -sum(s for s, _ in item[1])):
        seconds = [s for s, _ in jobs]
        peak = max(m for _, m in jobs)
        memory = "–" if pd.isna(peak) else f"{peak:,.0f} MB"
        rows.append([stage, str(len(jobs)), f"{sum(seconds):,.1f} s", f"{max(seconds):,.1f} s", memory])
    return rows


def _commit() -> str:
    """The git commit of the code that runs, if it stands in a repository."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return head + (" with changes that are not committed" if changed else "")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _hardware() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpu, known = platform.machine(), Path("/proc/cpuinfo")
    if known.exists():
        lines = known.read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB ({platform.system()})"


def provenance(experiment: dict, summary: pd.DataFrame, config: dict) -> list[tuple[str, str]]:
    """Where the page comes from: code, config, seeds, sizes, versions, hardware. Not repeatable, unlike the tables."""
    digest = hashlib.sha256(json.dumps(config or experiment, sort_keys=True).encode()).hexdigest()
    return [
        ("commit", _commit()),
        ("config" if config else "selection", f"sha256 {digest}"),
        ("seeds", ", ".join(map(str, of_runs(experiment, "seed")))),
        ("episodes", style.counts(style.primary(summary))),
        ("versions", ", ".join([f"Python {platform.python_version()}", *map(_version, PACKAGES)])),
        ("hardware", _hardware() + ", where this page was made"),
    ]


def page(tables: Path, images: Path, captions: Path, benchmarks: Path, config: dict) -> str:
    """The page as HTML. Raises ValueError, naming the file, for a missing table, figure or caption."""
    experiment = json.loads(_read(tables / "experiment.json", f"snakemake {tables}/experiment.json"))
    summary, selection = read_table(tables, "summary"), read_table(tables, "selection")
    first = style.primary(summary)
    pairs = [
        {
            "title": f"{pair[1]}, model {pair[0]}",
            "findings": findings(summary, selection, pair),
            "measure": style.measure(style.of_pair(first, pair)),
            "suites": suite_rows(summary, pair),
            "groups": groups(first, pair),
            "seeds": seed_rows(first, selection, pair),
        }
        for pair in style.pairs(style.policies(first))
    ]
    loader = jinja2.FileSystemLoader(captions)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        run=f"{len(pairs)} model-task pair{'s' * (len(pairs) != 1)}, {style.counts(first)}, "
        f"{'/'.join(map(str, of_runs(experiment, 'iterations')))} iterations",
        pairs=pairs,
        heads=["", *METRICS.values(), *PLAIN.values(), *RATES.values()],
        suite_heads=["suite", "method", "regret, base", "regret, last", "change", "training", "best baseline"],
        seed_heads=["", "seed", "regret, base", "regret, last", "ratio", "SuffFail(T/2)", "lucky picks"],
        figures=figures(images, captions),
        ours=ours(experiment, selection, config),
        provenance=provenance(experiment, summary, config),
        durations=durations(benchmarks),
        config=yaml.safe_dump(config or experiment, sort_keys=False, default_flow_style=None, width=110),
    )


def work(args: argparse.Namespace) -> None:
    """Write the page."""
    benchmarks = args.benchmarks or args.tables.parent / "benchmarks"
    text = page(args.tables, args.figures, args.captions, benchmarks, json.loads(args.config))
    files.write_text(args.output, text)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    parser.add_argument("--figures", type=Path, required=True, help="the folder of the PNG files")
    parser.add_argument("--captions", type=Path, required=True, help="the folder of captions and the page's template")
    parser.add_argument("--benchmarks", type=Path, help="the jobs' benchmarks (default: benchmarks/ beside tables)")
    parser.add_argument("--config", default="{}", help="the whole config as JSON, to print and to digest")
    parser.add_argument("--output", type=Path, required=True, help="the HTML file to write")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
