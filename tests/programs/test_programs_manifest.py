"""What an interpreter's manifest may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.errors import BadManifest
from mpi_actors.programs.manifest import MANIFEST, parse_manifest, protocol_of


def test_without_a_manifest_a_program_speaks_lines(tmp_path: Path) -> None:
    """All interpreters did before there were manifests."""
    assert protocol_of(tmp_path) == "stdio"


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ('protocol = "mpi"', "mpi"),
        ('# a comment\nprotocol="stdio"\n', "stdio"),
        ("", "stdio"),
        ("protocol = 'mpi'\r\n", "mpi"),
    ],
)
def test_the_manifest_names_the_protocol(text: str, protocol: str, tmp_path: Path) -> None:
    """It is TOML, and may be empty."""
    (tmp_path / MANIFEST).write_bytes(text.encode())
    assert protocol_of(tmp_path) == protocol


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b'protocol = "tcp"', "not 'tcp'"),
        (b"protocol = 1", "not 1"),
        (b'protocol = ["mpi"]', "not ['mpi']"),
        (b'protocol = "' + b"x" * 1000 + b'"', "…"),
        (b'protocol = "mpi"\nversion = 2', "'version'; the only key is protocol"),
        (b"[protocol]\nname = 'mpi'", "not {'name'"),
        (b"protocol: mpi", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"a = " + b"[" * 20_000, "not TOML"),
        (b"#" * 100_000, "longer than"),
    ],
)
def test_what_is_not_understood_is_refused(data: bytes, part: str) -> None:
    """A typing error must not make an MPI program run as one that speaks lines."""
    with pytest.raises(BadManifest) as caught:
        parse_manifest(data)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory of that name does not count as a missing manifest."""
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(BadManifest, match="cannot be read"):
        protocol_of(tmp_path)
