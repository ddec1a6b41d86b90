"""The lasting identity of a peer: an ed25519 key pair in a file that only its owner can read."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
from pathlib import Path

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
from libp2p.crypto.ed25519 import Ed25519PrivateKey, create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.peer.id import ID

from ...errors import BadIdentity
from ...ids import PeerId

IDENTITY_NAME = "identity"
"""The name of the file in the peer's directory."""

_HEADER = "mpi-actors identity 1"


def ephemeral() -> KeyPair:
    """Make a new key pair that is not kept."""
    return create_new_key_pair(secrets.token_bytes(32))


def peer_id(key_pair: KeyPair) -> PeerId:
    """Return the id by which other peers know the owner of `key_pair`."""
    return PeerId(ID.from_pubkey(key_pair.public_key).to_base58())


def load_or_create(directory: Path) -> KeyPair:
    """Return the key pair in `directory`. On first use, make it and, if missing, the directory (mode 0700).

    Processes that make it at the same time all get the same one.

    Raises:
        BadIdentity: the file is corrupt or readable by others, or cannot be read or made.
    """
    path = directory / IDENTITY_NAME
    try:
        if not os.path.lexists(path):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path, ephemeral())
        return _parse(path, _read(path))
    except OSError as error:
        raise BadIdentity(f"cannot use the identity file {path}: {error.strerror}") from error


def _create(path: Path, key_pair: KeyPair) -> None:
    """Write a file beside `path`, and link it there: no reader sees half of it."""
    secret = base64.b64encode(key_pair.private_key.to_bytes()).decode()
    text = f"{_HEADER}\n{peer_id(key_pair)}\n{secret}\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "w", encoding="ascii") as out:
            out.write(text)
            out.flush()
            os.fsync(file)
        with contextlib.suppress(FileExistsError):  # another process was first: use its key
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise BadIdentity(f"the identity file {path} is not a regular file. Move it away.")
        if found.st_mode & 0o077:
            raise BadIdentity(f"the identity file {path} can be read by others. Run: chmod 600 {path}")
        return file.read(4096)


def _parse(path: Path, content: bytes) -> KeyPair:
    """Read the content of the file. The peer id in it shows whether a bit of the key has changed."""
    bad = BadIdentity(
        f"the identity file {path} is corrupt. Restore it from a backup, or remove it to become a new peer."
    )
    lines = content.decode("ascii", errors="replace").split("\n")
    if len(lines) != 4 or lines[0] != _HEADER or lines[3]:
        raise bad
    try:
        secret = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        raise bad from None
    if len(secret) != 32 or base64.b64encode(secret).decode() != lines[2]:
        raise bad
    private = Ed25519PrivateKey.from_bytes(secret)
    key_pair = KeyPair(private, private.get_public_key())
    if peer_id(key_pair) != lines[1]:
        raise bad
    return key_pair
