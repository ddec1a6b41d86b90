"""The identity file is kept, private and checked."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from mpi_actors.errors import BadIdentity
from mpi_actors.net.addresses import is_peer_id
from mpi_actors.net.libp2p import identity


def test_an_identity_lasts(tmp_path: Path) -> None:
    """The second load gives the key pair that the first one made."""
    first = identity.load_or_create(tmp_path / "new" / "folder")
    second = identity.load_or_create(tmp_path / "new" / "folder")
    assert first.private_key.to_bytes() == second.private_key.to_bytes()
    assert identity.peer_id(first) == identity.peer_id(second)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """The file has mode 0600 and its directory 0700, whatever the umask; no draft is left."""
    before = os.umask(0)
    try:
        identity.load_or_create(tmp_path / "d")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d" / identity.IDENTITY_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "d") == [identity.IDENTITY_NAME]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """The error has the command that mends it."""
    identity.load_or_create(tmp_path)
    path = tmp_path / identity.IDENTITY_NAME
    path.chmod(mode)
    with pytest.raises(BadIdentity, match=f"chmod 600 {path}"):
        identity.load_or_create(tmp_path)


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    """A changed, lost or added byte never gives another identity, but an error of one line."""
    identity.load_or_create(tmp_path)
    path = tmp_path / identity.IDENTITY_NAME
    good = path.read_bytes()
    damaged = [good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :] for i in range(len(good))]
    damaged += [good[:i] for i in range(len(good))] + [good + b"x", b"\xff" * 100]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(BadIdentity, match="is corrupt") as caught:
            identity.load_or_create(tmp_path)
        assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory or a pipe in the file's place gives an error, and opening it does not hang."""
    os.mkfifo(tmp_path / identity.IDENTITY_NAME, 0o600)
    with pytest.raises(BadIdentity, match="not a regular file"):
        identity.load_or_create(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A path through a file gives BadIdentity."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadIdentity, match=r"file/d/identity: Not a directory"):
        identity.load_or_create(tmp_path / "file" / "d")


def test_those_who_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    """Processes that lose the race take the winner's key."""
    made: list[str] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        made.append(identity.peer_id(identity.load_or_create(tmp_path)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert os.listdir(tmp_path) == [identity.IDENTITY_NAME]


def test_ephemeral_identities_differ() -> None:
    """Each is new, and has a valid peer id."""
    names = {identity.peer_id(identity.ephemeral()) for _ in range(4)}
    assert len(names) == 4
    assert all(map(is_peer_id, names))
