"""A rollout that is really killed half-way ends, started again, as if nothing had happened."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rmft.stages import rollout, rollout_words

SCENARIOS = 60
CHUNK = 4


@pytest.fixture
def flags(cell: Path, task_entry: dict, sampling: dict, tmp_path: Path) -> dict[str, object]:
    """A rollout of 60 chunks."""
    return {
        "policy": cell / "0/policy.json",
        "task": task_entry,
        "contexts": Path(__file__).parents[2] / "workflow/scenarios",
        "sampling": sampling | {"chunk_episodes": CHUNK},
        "model_name": "tiny",
        "method": "base",
        "seed": 3,
        "split": "train",
        "scenarios": SCENARIOS,
        "trajectories_per_scenario": CHUNK,
        "output": tmp_path / "trajectories.parquet",
    }


def in_process(flags: dict[str, object]) -> int:
    """The same rollout in this process."""
    argv = []
    for name, value in flags.items():
        argv += [f"--{name.replace('_', '-')}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return rollout.main(argv)


@pytest.fixture
def undisturbed(flags: dict[str, object], cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.chdir(cell)
    output = tmp_path / "undisturbed/trajectories.parquet"
    assert in_process(flags | {"output": output}) == 0
    return output.read_bytes()


def chunks(output: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every finished chunk."""
    found = {}
    for path in output.with_name(f".{output.name}.chunks").glob("*/*.parquet"):
        if not path.name.startswith("."):
            try:
                found[path.name] = (path.stat().st_ino, path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue  # the rollout has ended meanwhile
    return found


def watch(process: object, output: Path) -> Iterator[dict[str, tuple[int, int]]]:
    """The chunks, again and again, while the process lives."""
    until = time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < until
        yield chunks(output)
        time.sleep(0.002)


def test_killed_and_started_again_it_ends_byte_identical(
    stage_process: Callable, flags: dict[str, object], undisturbed: bytes, cell: Path
) -> None:
    output = flags["output"]
    process = stage_process("rollout", cell, **flags)
    for done in watch(process, output):
        if len(done) >= 5:
            process.kill()
            break
    process.communicate()
    assert process.returncode == -9
    kept = chunks(output)
    assert 5 <= len(kept) < SCENARIOS
    assert not output.exists()

    process, went_on = stage_process("rollout", cell, **flags), False
    for seen in watch(process, output):
        if len(seen) > len(kept):
            went_on = True
            assert {name: seen[name] for name in kept if name in seen} == {
                name: stamp for name, stamp in kept.items() if name in seen
            }
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert went_on
    assert output.read_bytes() == undisturbed
    assert sorted(path.name for path in output.parent.iterdir()) == ["trajectories.parquet", "undisturbed"]


class Died(BaseException):
    pass


@contextmanager
def dying(after: int) -> Iterator[None]:
    """While this lasts, a rollout dies when it comes to play one chunk more than so many."""
    play, left = rollout_words.play, iter(range(after))

    def dies(*args: object, **settings: object) -> list:
        if next(left, None) is None:
            raise Died
        return play(*args, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollout_words, "play", dies)
        yield


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 4},
        {"method": "rmft"},
        {"sampling": {"temperature": 0.5, "max_new_tokens": 24, "max_reasks": 1, "chunk_episodes": CHUNK}},
        {"policy": "1/policy.json"},
        {"teacher": {"policy": "random"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_chunks_of_other_settings_are_not_taken_up(
    flags: dict[str, object],
    cell: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, object],
    tmp_path: Path,
) -> None:
    """Begun with some settings, ended with others: as if done with those alone."""
    monkeypatch.chdir(cell)
    flags = flags | {"scenarios": 6}
    assert in_process(flags | changed | {"output": tmp_path / "undisturbed/trajectories.parquet"}) == 0
    with dying(after=3), pytest.raises(Died):
        in_process(flags)
    assert len(chunks(flags["output"])) == 3
    assert in_process(flags | changed) == 0
    assert flags["output"].read_bytes() == (tmp_path / "undisturbed/trajectories.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trajectories.parquet", "undisturbed"]


def test_who_died_between_suites_goes_on_with_the_next(
    flags: dict[str, object], cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Held out, with suites: what was played of the task itself is kept, and all is as if nothing had happened."""
    monkeypatch.chdir(cell)
    heldout = {"split": "heldout", "scenarios": 8, "suites": {"longer": {"horizon_times": 2}, "four": {"more_arms": 1}}}
    flags = {key: value for key, value in flags.items() if key != "trajectories_per_scenario"} | heldout
    assert in_process(flags | {"output": tmp_path / "undisturbed/trajectories.parquet"}) == 0
    with dying(after=3), pytest.raises(Died):
        in_process(flags)
    kept = chunks(flags["output"])
    assert sorted(kept) == [
        "in-distribution-000000-000004.parquet",
        "in-distribution-000004-000008.parquet",
        "longer-000000-000004.parquet",
    ]
    with dying(after=3):  # three are left: a fourth would die
        assert in_process(flags) == 0
    assert flags["output"].read_bytes() == (tmp_path / "undisturbed/trajectories.parquet").read_bytes()


def test_the_number_of_scenarios_in_a_chunk_changes_next_to_nothing(
    flags: dict[str, object], cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A chunk is one batch, whose size may flip a token in the last bit of a float: in none of these 160 episodes."""
    import pyarrow.parquet as pq

    monkeypatch.chdir(cell)
    tokens = []
    for size in (4, 40, 160):
        output = tmp_path / f"{size}.parquet"
        sampling = flags["sampling"] | {"chunk_episodes": size}
        assert in_process(flags | {"scenarios": 40, "sampling": sampling, "output": output}) == 0
        tokens.append(pq.read_table(output)["token_ids"].to_pylist())
    assert [sum(a != b for a, b in zip(tokens[0], other, strict=True)) for other in tokens[1:]] == [0, 0]


def test_shards_play_what_one_job_plays(
    flags: dict[str, object], undisturbed: bytes, cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three shards, then the rollout: byte for byte that of one job, which plays nothing more."""
    monkeypatch.chdir(cell)
    for i in (2, 0, 1):
        finished = tmp_path / f"{i}.json"
        assert in_process(flags | {"shard": f"{i}/3", "finished": finished}) == 0
        assert json.loads(finished.read_text()) == {"shard": f"{i}/3", "chunks": SCENARIOS // 3}
    with dying(after=0):
        assert in_process(flags) == 0
    assert flags["output"].read_bytes() == undisturbed


@pytest.mark.parametrize("shard", ["3/3", "0/61", "1", "a/b"])
def test_a_shard_that_cannot_be_is_refused(
    flags: dict[str, object], cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys, shard: str
) -> None:
    monkeypatch.chdir(cell)
    assert in_process(flags | {"shard": shard, "finished": tmp_path / "x"}) == 1
    assert f"--shard: must be i/n with i < n <= {SCENARIOS}" in capsys.readouterr().err


def test_a_terminated_rollout_leaves_no_lock_and_keeps_its_chunks(
    stage_process: Callable, flags: dict[str, object], cell: Path
) -> None:
    output = flags["output"]
    process = stage_process("rollout", cell, **flags)
    for done in watch(process, output):
        if len(done) >= 3:
            process.terminate()
            break
    process.communicate()
    assert process.returncode == 143
    assert 3 <= len(chunks(output)) < SCENARIOS
    assert list(output.with_name(f".{output.name}.chunks").glob("*/lock*")) == []
