from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Thread, Timer

import pyarrow as pa
import pytest

from rmft.stages import chunks, files, lock
from rmft.stages.chunks import in_chunks
from rmft.stages.lock import held

SCHEMA = pa.schema({"name": pa.string(), "n": pa.int64()})
PIECES = [("a", range(0, 4)), ("a", range(4, 8)), ("b", range(4, 8))]
ROWS = [("a", n) for n in range(8)] + [("b", n) for n in range(4, 8)]


class Worker:
    """Makes pieces, remembers which, and dies before its ``dies``-th."""

    def __init__(self, dies: int = 99) -> None:
        self.made: list[str] = []
        self.dies = dies

    def __call__(self, name: str, piece: range) -> pa.Table:
        if len(self.made) == self.dies:
            raise KeyboardInterrupt
        self.made.append(f"{name}{piece.start}")
        return pa.table({"name": [name] * len(piece), "n": list(piece)}, schema=SCHEMA)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


@pytest.fixture
def work(output: Path) -> Callable[..., Worker]:
    def run(identity: str = "settings", dies: int = 99) -> Worker:
        worker = Worker(dies)
        try:
            in_chunks(output, PIECES, worker, schema=SCHEMA, identity=[identity], unit="n")
        except KeyboardInterrupt:
            assert dies < 99
        return worker

    return run


def rows(path: Path) -> list[tuple[str, int]]:
    table = files.read_table(path, SCHEMA)
    return list(zip(table["name"].to_pylist(), table["n"].to_pylist(), strict=True))


def test_pieces_are_written_in_order_and_nothing_else_stays(work: Callable, output: Path) -> None:
    assert work().made == ["a0", "a4", "b4"]
    assert rows(output) == ROWS
    assert [path.name for path in output.parent.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize("dies", [0, 1, 2])
def test_who_died_goes_on_where_it_was(work: Callable, output: Path, dies: int) -> None:
    whole = output.with_name("whole.parquet")
    in_chunks(whole, PIECES, Worker(), schema=SCHEMA, identity=["settings"], unit="n")
    assert len(work(dies=dies).made) == dies
    assert not output.exists()
    assert work().made == ["a0", "a4", "b4"][dies:]
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in output.parent.iterdir()) == ["out.parquet", "whole.parquet"]


def test_work_begun_with_other_settings_is_not_taken_up(work: Callable, output: Path) -> None:
    work("these", dies=2)
    assert work("those").made == ["a0", "a4", "b4"]
    assert [path.name for path in output.parent.iterdir()] == ["out.parquet"]


def test_what_a_dead_writer_left_is_no_chunk(work: Callable, output: Path) -> None:
    work(dies=1)
    (scratch,) = output.with_name(".out.parquet.chunks").iterdir()
    (scratch / ".a-000004-000008.parquet.123.tmp").write_bytes(b"half")
    assert work().made == ["a4", "b4"]
    assert rows(output) == ROWS
    assert [path.name for path in output.parent.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1 half a file"])
def test_a_damaged_chunk_is_made_again(work: Callable, output: Path, content: bytes) -> None:
    work(dies=2)
    (scratch,) = output.with_name(".out.parquet.chunks").iterdir()
    (scratch / "a-000000-000004.parquet").write_bytes(content)
    assert work().made == ["a0", "b4"]
    assert rows(output) == ROWS


def shard(output: Path, i: int, n: int) -> list[str]:
    worker = Worker()
    made = in_chunks(output, PIECES, worker, schema=SCHEMA, identity=["settings"], unit="n", shard=(i, n))
    assert made == len(range(i, len(PIECES), n))
    return worker.made


@pytest.mark.parametrize("n", [1, 2, 3])
def test_shards_make_each_chunk_once_and_the_bytes_are_those_of_one_job(work: Callable, output: Path, n: int) -> None:
    whole = output.with_name("whole.parquet")
    in_chunks(whole, PIECES, Worker(), schema=SCHEMA, identity=["settings"], unit="n")
    made = [name for i in reversed(range(n)) for name in shard(output, i, n)]
    assert sorted(made) == ["a0", "a4", "b4"]
    assert not output.exists()
    assert work().made == []
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in output.parent.iterdir()) == ["out.parquet", "whole.parquet"]


def test_what_a_shard_left_out_is_made_in_the_end(work: Callable, output: Path) -> None:
    shard(output, 1, 2)
    assert work().made == ["a0", "b4"]
    assert rows(output) == ROWS


def test_what_a_ghost_has_landed_meanwhile_is_not_done_again(work: Callable, output: Path) -> None:
    """A requeued job finds its first self still at work; it waits, and has nothing left to do."""
    begun, landed = Event(), Event()

    class Slow(Worker):
        def __call__(self, name: str, piece: range) -> pa.Table:
            begun.set()
            landed.wait(2)
            return super().__call__(name, piece)

    ghost = Slow()
    settings = {"schema": SCHEMA, "identity": ["settings"], "unit": "n"}
    thread = Thread(target=in_chunks, args=(output, PIECES, ghost), kwargs=settings)
    thread.start()
    begun.wait(10)
    Timer(0.3, landed.set).start()
    assert work().made == []
    thread.join()
    assert ghost.made == ["a0", "a4", "b4"]
    assert rows(output) == ROWS
    assert [path.name for path in output.parent.iterdir()] == ["out.parquet"]


def test_who_waits_may_lock_while_the_first_one_clears_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scratch folder goes when the last one has left it, however close they follow each other."""
    monkeypatch.setattr(chunks, "held", partial(held, beat=0.001))
    monkeypatch.setattr(lock, "SILENT_BEATS", 1_000_000)
    pieces, output = [("chunk", range(n, n + 1)) for n in range(40)], tmp_path / "table.parquet"

    def job(_: int) -> int:
        return in_chunks(output, pieces, Worker(), schema=SCHEMA, identity=["settings"], unit="n")

    with ThreadPoolExecutor(3) as pool:
        for _ in range(15):
            assert list(pool.map(job, range(3))) == [40] * 3
            assert [path.name for path in tmp_path.iterdir()] == [output.name]
            output.unlink()
