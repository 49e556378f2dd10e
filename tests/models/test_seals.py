"""A sealed file that is no longer what was written there is refused; one without a seal is read as it is."""

import os
import shutil
from pathlib import Path

import pytest

from rmft.models import seals


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A sealed file of a cell."""
    path = tmp_path / "results/cells/m/t/rmft/seed0/iter1/selected.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("one\ntwo\n")
    seals.seal(path, path)
    if seals.NAME not in os.listxattr(path):
        pytest.skip("this file system keeps no extended attributes")
    return path


def test_what_was_written_is_read(sealed: Path) -> None:
    seals.check(sealed)


@pytest.mark.parametrize("text", ["one\n", "one\ntwo\ntwo\n", "one\ntwO\n", ""])
def test_what_has_changed_is_refused(sealed: Path, text: str) -> None:
    sealed.write_text(text)
    with pytest.raises(ValueError, match=r"selected\.jsonl: is not what was written there.*delete it"):
        seals.check(sealed)


@pytest.mark.parametrize("other", ["m/t/rmft/seed0/iter2", "m/t/random-k/seed0/iter1", "m/u/rmft/seed0/iter1"])
def test_what_belongs_to_another_cell_is_refused(sealed: Path, other: str) -> None:
    moved = sealed.parents[5] / other / sealed.name
    moved.parent.mkdir(parents=True, exist_ok=True)
    sealed.rename(moved)
    with pytest.raises(ValueError, match=r"of another place"):
        seals.check(moved)


def test_results_may_move_as_a_whole(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "results").rename(tmp_path / "elsewhere")
    seals.check(tmp_path / "elsewhere" / sealed.relative_to(tmp_path / "results"))


def test_the_mend_that_is_named_keeps_a_changed_file(sealed: Path) -> None:
    sealed.write_text("mine\n")
    shutil.copyfile(sealed, sealed.with_name("new"))
    sealed.with_name("new").rename(sealed)
    seals.check(sealed)
    assert sealed.read_text() == "mine\n"


def test_a_file_without_a_seal_and_one_that_is_missing_are_not_its_matter(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    seals.check(tmp_path / "plain")
    seals.check(tmp_path / "missing")
