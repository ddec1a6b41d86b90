"""Publishes a directory of interpreters as a pool's store, when a daemon starts."""

from __future__ import annotations

from pathlib import Path

from ...content.formats.path import ContentPath
from ...content.store.backend import ContentBackend
from ...errors import BadStore
from .directory import REQUIRED
from .ipfs import IpfsSource

SERVED = "served"
"""The owner of the pin on the directory that a daemon published at its start."""

_HOW = f"each is a directory in it with {' and '.join(REQUIRED)}"


async def publish_store(backend: ContentBackend, directory: Path, pool: str | None) -> IpfsSource:
    """Publish a directory of interpreters, open it as a store, and forget what earlier starts published.

    Args:
        backend: gets the content.
        directory: has the interpreters in its subdirectories.
        pool: the pool's name; None for that of the published directory.

    Raises:
        BadStore: the directory does not exist, cannot be read, or has no interpreters.
        ContentError: the backend cannot take it now.
    """
    root = await backend.publish(directory, owner=SERVED)
    try:
        source = IpfsSource(backend, ContentPath(root), pool)
        await source.open()
    except BadStore as error:
        await backend.unpin(root, SERVED)
        missing = [name for name in REQUIRED if not (directory / name).is_file()]
        if missing:
            raise BadStore(f"{str(directory)!r} holds no interpreters: {_HOW}") from error
        raise BadStore(f"{str(directory)!r} is an interpreter: name the directory that holds it") from error
    for cid, owners in (await backend.pins()).items():
        if SERVED in owners and cid != root:
            await backend.unpin(cid, SERVED)
            await backend.forget(cid)
    return source
