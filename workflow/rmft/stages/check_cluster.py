"""Find out, before the first job, whether a cluster knows what the profile asks for; one line says what to mend.

    python -m rmft.stages.check_cluster slurm/profile.v9+.yaml config.yaml

Asks the cluster for its accounts, partitions and GPUs, then runs one small job with them.
"""

import argparse
import getpass
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rmft.stages.schema import mend
from rmft.stages.yaml_files import read_yaml

SLOWEST_POLL = 180  # seconds: the executor asks for the state of its jobs at least so often
PATIENCE = 300  # seconds that the small job may wait in the queue
IMPORTS = "import rmft.stages.rollout, rmft.stages.sft"


@dataclass(frozen=True)
class Cluster:
    """What a cluster has: ``partitions`` maps a name to its types of GPU with their number on one machine; ``accounts`` are
    the user's, None where no database knows them; ``min_job_age`` is how long squeue knows a finished job, in seconds."""

    partitions: dict[str, dict[str, int]]
    accounts: frozenset[str] | None
    min_job_age: int


def ask(*command: str) -> str:
    """What a program of SLURM says. Raises ValueError, in its words, where it fails or is silent for 20 seconds."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=20)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]}: no answer in 20 seconds; is the controller up?") from None
    if done.returncode:
        raise ValueError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def gpu_types(text: str) -> dict[str, int]:
    """Types of GPU with their number on one machine, from sinfo's list of generic resources; "" is a GPU without a type."""
    found = {}
    for entry in text.split(","):
        kind, *rest = entry.partition("(")[0].split(":")
        if kind == "gpu" and rest:
            name, number = rest if len(rest) == 2 else ("", rest[0])
            found[name] = max(found.get(name, 0), int(number))
    return found


def read_cluster() -> Cluster:
    """Ask the cluster that this machine belongs to."""
    partitions: dict[str, dict[str, int]] = {}
    for line in ask("sinfo", "--noheader", "--format=%R|%G").splitlines():
        name, _, gpus = line.partition("|")
        types = partitions.setdefault(name.strip(), {})
        types |= {key: max(n, types.get(key, 0)) for key, n in gpu_types(gpus.strip()).items()}
    settings = dict(line.split("=", 1) for line in ask("scontrol", "show", "config").splitlines() if " = " in line)
    settings = {key.strip(): value.strip() for key, value in settings.items()}
    accounts = None
    if settings.get("AccountingStorageType", "").endswith("slurmdbd"):
        user = f"user={getpass.getuser()}"
        said = ask("sacctmgr", "--noheader", "--parsable2", "show", "association", user, "format=account")
        accounts = frozenset(said.split())
    return Cluster(partitions, accounts, int(settings.get("MinJobAge", "300").split()[0]))


def of_settings(profile: dict, cluster: Cluster) -> Iterator[str]:
    """Account and status command."""
    account = profile.get("default-resources", {}).get("slurm_account")
    if cluster.accounts is not None and account is not None and str(account).lower() not in cluster.accounts:
        yield f"default-resources.slurm_account: {account} is none of yours; {mend(account, cluster.accounts)}"
    if profile.get("slurm-status-command") == "squeue":
        if cluster.min_job_age <= SLOWEST_POLL:
            yield (
                f"slurm-status-command: squeue forgets a finished job after {cluster.min_job_age} seconds here (MinJobAge); "
                "write sacct, and slurm-no-requeue: true instead of slurm-requeue: true"
            )
    elif cluster.accounts is None:
        yield "slurm-status-command: without an accounting database sacct waits for ever; write squeue"
    elif profile.get("slurm-requeue"):
        yield "slurm-requeue: with sacct, a failed node breaks every later submission; write slurm-no-requeue: true"


def of_resources(profile: dict, cluster: Cluster, gpus: int) -> Iterator[str]:
    """Partitions, and GPUs in them; ``gpus`` is the largest number that a model asks for."""
    config = profile["config"]
    for key in ("cpu_partition", "gpu_partition"):
        if str(config[key]) not in cluster.partitions:
            yield f"config.{key}: there is no {config[key]}; {mend(config[key], cluster.partitions)}"
            return
    partition, model = config["gpu_partition"], config["gpu_model"]
    types = cluster.partitions[str(partition)]
    if gpus and model not in types:
        yield f"config.gpu_model: {partition} has no {model}; {mend(model, types) if types else 'it has no GPUs'}"
    elif gpus and types[model] < gpus:
        yield f"config.gpu_model: no machine of {partition} has {gpus} of {model}, only {types[model]}"


def complaint(profile: dict, cluster: Cluster, gpus: int) -> str | None:
    """The first thing that the cluster would refuse, as one line, or None."""
    return next(
        (line for check in (of_settings(profile, cluster), of_resources(profile, cluster, gpus)) for line in check),
        None,
    )


def unprepared(python: str) -> str | None:
    """What this machine lacks to submit at all, as one line, or None."""
    if shutil.which("sbatch") is None:
        return "no sbatch here; log in to a machine of the cluster that submits"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return f"{sys.executable} has no snakemake-executor-plugin-slurm; make .venv-cluster, and activate it"
    if shutil.which(python) is None:
        return f"config.python: there is no {python}; make .venv/ready, or name the interpreter of the stages"
    return None


def small_job(profile: dict, gpus: int, python: str) -> str | None:
    """Run one job as of a model that imports what stages import. What went wrong, as one line, or None."""
    command = [
        "sbatch",
        "--wait",
        "--parsable",
        "--job-name=rmft-check",
        "--time=5",
        "--mem=2000",
        "--output=/dev/null",
    ]
    config = profile["config"]
    flags = {"--account": profile["default-resources"].get("slurm_account")}
    flags["--partition"] = config["gpu_partition" if gpus else "cpu_partition"]
    flags["--gpus"] = f"{config['gpu_model']}:{gpus}" if gpus else None
    command += [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    command.append(f"--wrap={python} -c '{IMPORTS}'")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    )
    try:
        job, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        subprocess.run(["scancel", f"--user={getpass.getuser()}", "--name=rmft-check"], check=False)
        return (
            f"a small job has not ended in {PATIENCE} seconds; the partition may be full. It was cancelled; try later"
        )
    if not job.strip():
        return f"sbatch refused a small job: {' '.join(said.split())}"
    if process.returncode:
        return f"job {job.strip()} failed: {python} cannot import the stages there; is its folder seen by the nodes?"
    return None


def main(argv: list[str] | None = None) -> int:
    """Check a profile against the cluster. Exit status 1 and one line where it cannot work."""
    parser = argparse.ArgumentParser(prog="check_cluster", description=main.__doc__)
    parser.add_argument("profile", type=Path, help="the profile, profile.v9+.yaml")
    parser.add_argument("config", type=Path, help="config.yaml, for the GPUs that its models ask for")
    args = parser.parse_args(argv)
    profile, config = (read_yaml(path) for path in (args.profile, args.config))
    python = profile["config"].get("python", sys.executable)
    run = config["run"]
    selected = [*run["models"], *run["numbers"]["models"]]
    gpus = max(config["models"][name]["resources"]["gpus"] for name in selected)
    try:
        wrong = unprepared(python) or complaint(profile, read_cluster(), gpus)
    except ValueError as error:
        wrong = " ".join(str(error).split())
    if not wrong:
        wrong = small_job(profile, gpus, python)
    print(f"{args.profile}: {wrong}" if wrong else f"{args.profile}: ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
