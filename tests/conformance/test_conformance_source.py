"""The distribution is unpacked only where it belongs, and which of its files count is decided by name."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import conformance_source
import pytest


def archive(place: Path, name: str) -> Path:
    path = place / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"text"))
    return path


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    """A file comes out with its content."""
    conformance_source.unpack(archive(tmp_path, "folder/file"), tmp_path / "out")
    assert (tmp_path / "out" / "folder" / "file").read_text() == "text"


@pytest.mark.parametrize("name", ["../file", "folder/../../file", "/tmp/mpi_actors_file"])
def test_nothing_is_unpacked_outside(name: str, tmp_path: Path) -> None:
    """An archive that names a place outside is refused."""
    with pytest.raises(conformance_source.BadArchive):
        conformance_source.unpack(archive(tmp_path, name), tmp_path / "out")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_files_and_folders_are_unpacked(kind: bytes, tmp_path: Path) -> None:
    """A link could lead outside; devices and pipes have no place in a source distribution."""
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("folder/other")
        member.type, member.linkname = kind, "../../file"
        tar.addfile(member)
    with pytest.raises(conformance_source.BadArchive):
        conformance_source.unpack(path, tmp_path / "out")


def test_core_leaves_out_what_is_not_offered(tmp_path: Path) -> None:
    """One-sided communication is not part of it, and helpers of the suite are not tests."""
    (tmp_path / "test").mkdir()
    for name in ("test_rma.py", "test_rma_nb.py", "test_request.py", "test_cco_buf.py", "arrayimpl.py"):
        (tmp_path / "test" / name).touch()
    assert conformance_source.core_files(tmp_path) == ["test_cco_buf", "test_request"]
