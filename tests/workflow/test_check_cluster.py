"""A profile that the cluster would refuse is refused before the first job, by one line that says what to mend."""

import copy

import pytest
import yaml

from rmft.stages.check_cluster import Cluster, complaint, gpu_types, main, unprepared
from rmft.stages.check_config import WORKFLOW

PATH = WORKFLOW.parent / "slurm/profile.v9+.yaml"
PROFILE = yaml.safe_load(PATH.read_text())
PARTITIONS = {"cpu": {}, "gpu": {"a100": 4, "h100": 2}}
HERE = Cluster(PARTITIONS, frozenset({"rmft", "root"}), 300)

# (keys and value laid over the profile, the cluster, GPUs that a model asks for, what the line must say)
REFUSED = [
    (
        {"default-resources": {"slurm_account": "rmtf"}},
        HERE,
        1,
        "slurm_account: rmtf is none of yours; did you mean rmft?",
    ),
    ({"config": {"cpu_partition": "cpus"}}, HERE, 1, "config.cpu_partition: there is no cpus; did you mean cpu?"),
    ({"config": {"gpu_partition": "gqu"}}, HERE, 1, "config.gpu_partition: there is no gqu"),
    ({"config": {"gpu_model": "v100"}}, HERE, 1, "config.gpu_model: gpu has no v100"),
    ({"config": {"gpu_partition": "cpu"}}, HERE, 1, "cpu has no a100; it has no GPUs"),
    ({}, HERE, 8, "no machine of gpu has 8 of a100, only 4"),
    ({}, Cluster(PARTITIONS, HERE.accounts, 120), 1, "squeue forgets a finished job after 120 seconds here"),
    (
        {"slurm-status-command": "sacct"},
        Cluster(PARTITIONS, None, 300),
        1,
        "without an accounting database sacct waits for ever",
    ),
    (
        {"slurm-status-command": "sacct"},
        HERE,
        1,
        "slurm-requeue: with sacct, a failed node breaks every later submission",
    ),
]


def laid(over: dict) -> dict:
    profile = copy.deepcopy(PROFILE)
    for key, value in over.items():
        if not isinstance(value, dict):
            profile[key] = value
            continue
        for name, entry in value.items():
            both = isinstance(entry, dict)
            profile[key][name] = profile[key][name] | entry if both else entry
    return profile


def test_the_profile_suits_a_cluster_that_has_what_it_names():
    assert complaint(PROFILE, HERE, 4) is None
    assert complaint(PROFILE, Cluster(PARTITIONS, None, 300), 1) is None
    assert complaint(laid({"default-resources": {"slurm_account": "RMFT"}}), HERE, 1) is None
    assert complaint(laid({"config": {"gpu_model": "none"}}), HERE, 0) is None


@pytest.mark.parametrize(("over", "cluster", "gpus", "said"), REFUSED)
def test_what_the_cluster_lacks_is_named(over, cluster, gpus, said):
    line = complaint(laid(over), cluster, gpus)
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("gpu:a100:4", {"a100": 4}),
        ("gpu:a100:4(S:0-1),gpu:h100:2,craynetwork:4", {"a100": 4, "h100": 2}),
        ("gpu:8", {"": 8}),
        ("(null)", {}),
        ("", {}),
    ],
)
def test_what_sinfo_says_of_gpus_is_read(text, types):
    assert gpu_types(text) == types


def test_a_machine_that_cannot_submit_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no sbatch here" in unprepared("python")
    assert main([str(PATH), str(WORKFLOW.parent / "config.yaml")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "no sbatch here" in said.err
