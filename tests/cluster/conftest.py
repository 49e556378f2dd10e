"""A SLURM cluster on this machine, and a small grid that was run without it. `make test-cluster` runs what is here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from small_grid import ALL, HERE, ROLLED, Tree, ask, copy

DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch")
SEARCHED = f"{os.environ['PATH']}:/usr/sbin"


@pytest.fixture(scope="session", autouse=True)
def wanted() -> None:
    """Skip what brings up a cluster, with the reason, where it was not asked for or cannot be."""
    missing = [name for name in DAEMONS if shutil.which(name, path=SEARCHED) is None]
    if missing:
        pytest.skip(
            f"SLURM is not installed: no {', '.join(missing)}; tests/cluster/packages.txt names Debian's packages"
        )
    if os.getuid() != 0:
        pytest.skip("only root can bring up a SLURM cluster")
    if "RMFT_CLUSTER" not in os.environ:
        pytest.skip("brings up a SLURM cluster: make test-cluster")


@pytest.fixture(scope="session")
def copied() -> Callable[[Path], Tree]:
    """``copy``, for tests: the workflow without any results."""
    return copy


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """The folder of the cluster, up; one that was there before stays."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / "rmft-cluster"
    ours = not folder.exists()
    subprocess.run([HERE / "up.sh"], check=True, timeout=120, stdout=subprocess.DEVNULL)
    yield folder
    if ours:
        subprocess.run([HERE / "down.sh"], check=True, timeout=120)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The small grid, run on this machine without the cluster."""
    tree = copy(tmp_path_factory.mktemp("local"))
    tree.run("--cores", "2", "--config", "python=.venv/bin/python", "--configfile", "small.yaml", "--", *ALL, ROLLED)
    return tree


@pytest.fixture
def begun(tmp_path: Path, local: Tree) -> Tree:
    """The workflow with the base model made, and nothing else."""
    tree = copy(tmp_path)
    (tree.folder / "results").mkdir()
    shutil.copytree(local.folder / "results/models", tree.folder / "results/models")
    shutil.copytree(local.folder / ".snakemake/metadata", tree.folder / ".snakemake/metadata")
    return tree


@pytest.fixture(scope="session")
def first_job(cluster: Path) -> Callable[[], int]:
    """The number that the next job will have."""

    def number() -> int:
        return int(ask("sbatch", "--parsable", "--account=rmft", "--output=/dev/null", "--wrap=true")) + 1

    return number
