"""A rollout on the cluster meets with a mishap: it ends with the bytes of one that did not, and no chunk is made twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_grid import ROLLED, Tree, ask, jobs_since, until

TARGET = ROLLED
LOG = "results/logs/rollout/tiny/mab-gaussian/base/seed10/iter0.log"
SCRATCH = ".trajectories.parquet.chunks"


def chunks(tree: Tree) -> dict[str, tuple[int, int]]:
    """Inode and time of every finished chunk."""
    found = {}
    for path in (tree.folder / TARGET).with_name(SCRATCH).glob("*/[!.]*.parquet"):
        with suppress(FileNotFoundError):  # the rollout has ended meanwhile
            found[path.name] = (path.stat().st_ino, path.stat().st_mtime_ns)
    return found


@dataclass(frozen=True)
class Rolling:
    """A rollout, stopped half-way, its process, and the workflow that waits for it."""

    tree: Tree
    workflow: subprocess.Popen
    first: int
    job: str
    process: int
    kept: dict[str, tuple[int, int]]

    @property
    def node(self) -> str:
        return ask("squeue", "--noheader", f"--jobs={self.job}", "--format=%N").strip()

    def nudge(self) -> None:
        """Start it now, if it was requeued: SLURM holds such a job back for two minutes."""
        subprocess.run(["scontrol", "update", f"jobid={self.job}", "starttime=now"], capture_output=True, check=False)

    def second_waits(self) -> bool:
        """Whether a second start of the job has found the first one's lock, or the first is gone."""
        self.nudge()
        log = self.tree.folder / LOG
        said = log.read_text(errors="replace") if log.exists() else ""
        return f"held by job {self.job}" in said or not Path(f"/proc/{self.process}").exists()

    def go_on(self) -> None:
        """Wake the process up, where it still is."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGCONT)

    def ends_well(self, workflow: subprocess.Popen, local: Tree) -> list:
        """Watch it to its end: the same bytes, and no chunk made again. Gives every start of its jobs, in order."""
        end, seen = time.monotonic() + 400, {}
        while workflow.poll() is None:
            assert time.monotonic() < end, (self.tree.folder / "said.txt").read_text()[-6000:]
            for name, stamp in chunks(self.tree).items():
                assert seen.setdefault(name, self.kept.get(name, stamp)) == stamp, f"{name} was made twice"
            self.nudge()
            time.sleep(0.2)
        assert workflow.returncode == 0, (self.tree.folder / "said.txt").read_text()[-6000:]
        for name in ("trajectories.parquet", "regret.parquet", "policy.json"):
            path = Path(TARGET).with_name(name)
            assert (self.tree.folder / path).read_bytes() == (local.folder / path).read_bytes(), name
        assert not (self.tree.folder / TARGET).with_name(SCRATCH).exists()
        return jobs_since(self.first, "--duplicates")


@pytest.fixture
def rolling(request: pytest.FixtureRequest, begun: Tree, first_job: Callable[[], int]) -> Iterator[Rolling]:
    """A rollout as a job of the partition that the test's parameter names, stopped after its third chunk."""
    profile = begun.folder / "slurm/profile.v9+.yaml"
    partition = getattr(request, "param", "gpu")
    profile.write_text(profile.read_text().replace("gpu_partition: gpu", f"gpu_partition: {partition}"))
    first = first_job()
    workflow = begun.submit(TARGET)

    def lock() -> Path | None:
        return next((begun.folder / TARGET).with_name(SCRATCH).glob("*/lock"), None) if len(chunks(begun)) > 2 else None

    process = json.loads(until(lock).read_text())["pid"]
    os.kill(process, signal.SIGSTOP)
    running = ask("squeue", "--noheader", "--states=running", f"--partition={partition}", "--format=%i").split()
    yield Rolling(begun, workflow, first, max(running, key=int), process, chunks(begun))
    if workflow.poll() is None:
        workflow.kill()
    ask("scancel", "--user=root")
    # SLURM has forgotten what ran on a node that was down: it would outlive the cluster.
    for found in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if found.resolve() == begun.folder.resolve():
                os.kill(int(found.parent.name), signal.SIGKILL)


def test_cancelled(rolling: Rolling, local: Tree) -> None:
    ask("scancel", rolling.job)
    starts = rolling.ends_well(rolling.workflow, local)
    assert [job.state for job in starts] == ["CANCELLED", "COMPLETED"]
    assert len({job.number for job in starts}) == 2


def test_past_its_time_limit(rolling: Rolling, local: Tree) -> None:
    limit = int(ask("sacct", "-XnP", f"--jobs={rolling.job}", "--format=timelimitraw"))
    ask("scontrol", "update", f"jobid={rolling.job}", "timelimit=1")
    starts = rolling.ends_well(rolling.workflow, local)
    assert [job.state for job in starts] == ["TIMEOUT", "COMPLETED"]
    second = int(ask("sacct", "-XnP", f"--jobs={starts[-1].number}", "--format=timelimitraw"))
    assert second == 2 * limit


def test_its_node_goes_down(rolling: Rolling, local: Tree) -> None:
    node = rolling.node
    ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        until(rolling.second_waits)
        rolling.go_on()  # a ghost: its node was only thought dead
        starts = rolling.ends_well(rolling.workflow, local)
    finally:
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)
    assert {job.number for job in starts} == {rolling.job}
    assert [job.state for job in starts] == ["NODE_FAIL", "COMPLETED"]


@pytest.mark.parametrize("rolling", ["spare"], indirect=True)
def test_preempted(rolling: Rolling, local: Tree) -> None:
    greedy = ["--partition=gpu", f"--nodelist={rolling.node}", "--exclusive", "--time=1", "--wrap=sleep 3"]
    urgent = ask("sbatch", "--parsable", "--account=rmft", "--output=/dev/null", *greedy).strip()
    starts = [job for job in rolling.ends_well(rolling.workflow, local) if job.number != urgent]
    assert [job.state for job in starts] == ["PREEMPTED", "COMPLETED"]
    assert {job.number for job in starts} == {rolling.job}


def test_the_controller_restarts(rolling: Rolling, local: Tree, cluster: Path) -> None:
    controller = int((cluster / "run/slurmctld.pid").read_text())
    os.kill(controller, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{controller}").exists())
    rolling.go_on()
    time.sleep(5)
    found = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "SLURM_CONF": str(cluster / "etc/slurm.conf")}
    subprocess.run(["slurmctld"], check=True, env=os.environ | found)
    starts = rolling.ends_well(rolling.workflow, local)
    assert [job.state for job in starts] == ["COMPLETED"]


def test_the_workflow_is_killed_and_started_again(rolling: Rolling, local: Tree) -> None:
    """The second copy of the job waits for the first, which nobody cancelled, and has nothing left to do."""
    rolling.workflow.kill()
    rolling.workflow.wait()
    rolling.tree.run("--profile", "slurm", "--configfile", "small.yaml", "--unlock")
    again = rolling.tree.submit(TARGET)
    until(rolling.second_waits)
    rolling.go_on()
    starts = rolling.ends_well(again, local)
    assert [job.state for job in starts] == ["COMPLETED", "COMPLETED"]
