"""Long work in chunks: each is written when it is finished, and a stage that died goes on from the finished ones."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from rmft.stages import files


def in_chunks(
    output: Path,
    pieces: list[tuple[str, range]],
    make: Callable[[str, range], pa.Table],
    *,
    schema: pa.Schema,
    identity: list,
    unit: str,
) -> None:
    """Make every piece, a range under a name, and write them all, in order, as one table at ``output``.

    Finished chunks are kept in a scratch folder beside ``output``, named by ``identity``: everything that a chunk depends
    on. Work that was begun with other settings is never taken up; its scratch is removed in the end.
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    scratch = output.with_name(f".{output.name}.chunks") / digest
    scratch.mkdir(parents=True, exist_ok=True)
    parts = [scratch / f"{name}-{piece.start:06d}-{piece.stop:06d}.parquet" for name, piece in pieces]
    with tqdm(total=sum(len(piece) for _, piece in pieces), unit=unit, mininterval=1, desc=output.stem) as bar:
        for (name, piece), part in zip(pieces, parts, strict=True):
            if not part.exists():
                files.write_table(part, make(name, piece))
            bar.update(len(piece))
    files.write_table(output, pa.concat_tables([files.read_table(part, schema) for part in parts]))
    shutil.rmtree(scratch.parent)
