"""YAML that says less or more than it seems to is refused, with its line, before anything is made of it."""

import json

import pytest

from rmft.stages.check_config import complaint
from rmft.stages.config_files import read_configs, unreadable
from rmft.stages.yaml_files import DEPTH, VALUES, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run:\n  seeds: [0]\n  models: [a]\n  seeds: [1]\n", "line 4, run.seeds: stands twice"),
        ("a: 1\n'a': 2\n", "line 2, a: stands twice"),
        ("tasks:\n- {b: 1, b: 2}\n", "line 2, tasks.0.b: stands twice"),
        ("on: 1\n", "line 1, : the key 'on' is no word; put it in quotes"),
        ("tasks: {12: {}}\n", "line 1, tasks: the key '12' is no word"),
        ("? [a]\n: 1\n", "the key 'a list or mapping' is no word"),
        (BOMB, f"stands for more than {VALUES:,} values"),
        (MERGES, f"stands for more than {VALUES:,} values"),
        ("a: &a [1, *a]\n", "line 1, a.1: holds itself"),
        ("a: &a {b: *a}\n", "line 1, a.b: holds itself"),
        ("[" * 1_000_000, f"line 1 is deeper than {DEPTH} levels"),  # libyaml's composer would take the process down
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("a: 1\n---\nb: 1\n", "but found another document"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: 2026-13-45\n", "month must be in 1..12"),
        ("a: [1\n", "line 2, column 1"),
    ],
)
def test_refused_in_one_line_with_the_file(tmp_path, text, said):
    path = tmp_path / "some.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"some\.yaml") as refused:
        read_yaml(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_anchors_and_merges_are_read_as_they_are_meant(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {x: 1, y: [1, 2]}\nb: {<<: *a, x: 2}\nc: [*a, *a]\n")
    a = {"x": 1, "y": [1, 2]}
    assert read_yaml(path) == {"a": a, "b": {"x": 2, "y": [1, 2]}, "c": [a, a]}


@pytest.mark.parametrize("text", ["", "# nothing\n", "- run\n", "run\n", "__use_yte__: true\nrun: {}\n"])
def test_a_config_is_a_mapping_and_runs_no_code(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert "mine.yaml" in unreadable([tmp_path / "absent.yaml", path])


def test_a_key_that_stands_twice_ends_snakemake_before_it_reads_the_config(copied):
    copied.edit("config.yaml", "rollout: #", "rollout: {}\nrollout: #")
    done = copied.snakemake("--dry-run")
    assert done.returncode == 1
    assert "config: config.yaml: cannot be read (line" in done.stderr
    assert "rollout: stands twice" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_door_is_said_in_one_line(copied):
    copied.edit("config.yaml", "door: laptop", "")
    done = copied.snakemake("--dry-run")
    assert done.returncode == 1
    assert "config: door: missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("iterations", 10**12, "run.iterations: must be 10000 or less"),
        ("seeds", list(range(1001)), "run.seeds: must name 1000 at most"),
        ("models", ["a" * 61], "run.models.0: must have 60 letters at most"),
        ("models", "x" * 5000, "(5,002 letters)"),
    ],
)
def test_what_no_machine_could_plan_is_refused(request, key, value, said):
    root = request.config.rootpath
    config = read_configs([root / "config.yaml", root / "config.laptop.yaml"])
    config["run"][key] = value
    line = complaint(config)
    assert said in line
    assert len(line) < 300


def test_more_policies_than_can_be_planned_are_refused(request):
    root = request.config.rootpath
    config = json.loads(json.dumps(read_configs([root / "config.yaml"])))
    config["run"] |= {"iterations": 9000, "seeds": list(range(100))}
    assert "policies to be trained, more than 100,000" in complaint(config)
