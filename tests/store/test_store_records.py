"""The file of installed interpreters."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.store.records import Record, load, save

RECORDS = {"echo": Record("v1", 10), "ä": Record("v2", 0)}


def test_round_trip(tmp_path: Path) -> None:
    """What is saved is loaded, and nothing else is left beside it."""
    save(tmp_path / "records", {})
    save(tmp_path / "records", RECORDS)
    assert load(tmp_path / "records") == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_no_file(tmp_path: Path) -> None:
    """Nothing is recorded before the first time."""
    assert load(tmp_path / "records") == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"format": 2, "installed": {}}',
        b'{"format": 1, "installed": {"../x": {"version": "v", "size": 1}}}',
        b'{"format": 1, "installed": {"x": {"version": "v", "size": -1}}}',
        b'{"format": 1, "installed": {"x": {"version": 1, "size": 1}}}',
        b'{"format": 1, "installed": {"x": 1}}',
    ],
)
def test_damaged(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A file that makes no sense counts as none, which is logged; no name leads out of the directory."""
    (tmp_path / "records").write_bytes(content)
    assert load(tmp_path / "records") == {}
    assert "is damaged" in caplog.text


def test_cut_off_anywhere(tmp_path: Path) -> None:
    """A part of a file never counts as the whole."""
    save(tmp_path / "records", RECORDS)
    content = (tmp_path / "records").read_bytes()
    for length in range(len(content)):
        (tmp_path / "records").write_bytes(content[:length])
        assert load(tmp_path / "records") == {}
