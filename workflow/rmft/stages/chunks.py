"""Long work in chunks: each is written when it is finished, and a stage that died goes on from the finished ones."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from rmft.stages import files
from rmft.stages.lock import held


def in_chunks(
    output: Path,
    pieces: list[tuple[str, range]],
    make: Callable[[str, range], pa.Table],
    *,
    schema: pa.Schema,
    identity: list,
    unit: str,
    shard: tuple[int, int] | None = None,
) -> int:
    """Make every piece, a range under a name, and write them all, in order, as one table at ``output``.

    Finished chunks are kept in a scratch folder beside ``output``, named by ``identity``: everything that a chunk depends
    on. Work that was begun with other settings is never taken up; its scratch is removed in the end. A lock keeps a second
    job on the same work waiting; what the first has landed meanwhile is not done again.

    With a ``shard`` (i, n), i from 0, every n-th chunk is made and ``output`` is left alone: whoever writes it later finds
    the chunks. Returns how many chunks are there.
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    scratch = output.with_name(f".{output.name}.chunks") / digest
    first, step = shard or (0, 1)
    parts = [scratch / f"{name}-{piece.start:06d}-{piece.stop:06d}.parquet" for name, piece in pieces]
    own = list(zip(pieces, parts, strict=True))[first::step]
    lock = scratch / (f"lock-{first}-of-{step}" if shard else "lock")
    with held(lock) as (waited, check), _bar(own, unit, output) as bar:
        landed = waited and not shard and output.exists()
        for (name, piece), part in [] if landed else own:
            if not _sound(part, schema):
                table = make(name, piece)
                check()
                files.write_table(part, table)
            bar.update(len(piece))
        if not shard and not landed:
            check()
            files.write_table(output, pa.concat_tables([files.read_table(part, schema) for part in parts]))
        if not shard:
            _clear(scratch, lock)
    with suppress(OSError):  # whoever waited is in there, and leaves last
        scratch.rmdir()
        scratch.parent.rmdir()
    return len(own)


def _clear(scratch: Path, lock: Path) -> None:
    """Remove all chunks, those of other settings too; not the lock that we hold."""
    for other in scratch.parent.iterdir():
        if other != scratch:
            shutil.rmtree(other, ignore_errors=True)
    for path in scratch.iterdir():
        if path != lock:
            path.unlink(missing_ok=True)


def _sound(part: Path, schema: pa.Schema) -> bool:
    """Whether a chunk is there and whole; one that a machine left half-written when it lost power is made again."""
    try:
        return part.exists() and files.read_table(part, schema) is not None
    except ValueError:
        return False


def _bar(pieces: list, unit: str, output: Path) -> tqdm:
    return tqdm(total=sum(len(piece) for (_, piece), _ in pieces), unit=unit, mininterval=1, desc=output.stem)
