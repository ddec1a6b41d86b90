"""The content of one peer's directory: its database, its blocks, and which backend to use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from ..errors import BackendUnavailable
from .kubo.backend import KuboBackend, probe
from .store.backend import ContentBackend
from .store.blocks import BlockStore
from .store.database import DATABASE_NAME, Database, Pins
from .store.embedded import EmbeddedBackend

EMBEDDED = "embedded"
DEFAULT_API = "/ip4/127.0.0.1/tcp/5001"
"""Where an IPFS daemon is looked for unless told otherwise."""
BLOCKS = "blocks"

DEFAULT_ENDPOINT = ("127.0.0.1", 5001)
_CONNECT_TIMEOUT = 0.5
_PROBE_TIMEOUT = 3.0
"""Seconds for which a daemon that nobody named is waited for."""


@attrs.frozen(kw_only=True)
class Access:
    """An opened backend."""

    database: Database
    backend: ContentBackend
    why: str
    """Which backend it is, and why that one."""
    blocks: BlockStore | None = None
    """Of the embedded backend."""

    @property
    def embedded(self) -> EmbeddedBackend | None:
        """The backend, if it is the embedded one."""
        return self.backend if isinstance(self.backend, EmbeddedBackend) else None

    @property
    def kubo(self) -> KuboBackend | None:
        """The backend, if it is an IPFS daemon."""
        return self.backend if isinstance(self.backend, KuboBackend) else None


@asynccontextmanager
async def open_access(path: Path, api: str | None, *, local: bool = False) -> AsyncIterator[Access]:
    """Open the content of the peer whose directory is `path`; its daemon may be running.

    Args:
        path: made if need be.
        api: the address of an IPFS daemon; `embedded`; or None for a daemon at the usual place if one answers
            there, else embedded.
        local: that what is wanted lies here, so that without `api` nobody looks for a daemon.

    Raises:
        BackendUnavailable: the daemon that was named does not answer, or is none that can be used.
        StoreDamaged: the directory cannot be used.
        DiskFull: there is no room in it.
    """
    database = await trio.to_thread.run_sync(_open_database, path)
    try:
        daemon, why = await _choose(api, Pins(database), local)
        if daemon is not None:
            try:
                yield Access(database=database, backend=daemon, why=why)
            finally:
                daemon.close()
            return
        blocks = await trio.to_thread.run_sync(BlockStore, path / BLOCKS)
        backend = EmbeddedBackend(blocks, Pins(database))
        yield Access(database=database, backend=backend, why=why, blocks=blocks)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(database.close)


def _open_database(path: Path) -> Database:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(path / DATABASE_NAME)


async def _choose(api: str | None, pins: Pins, local: bool) -> tuple[KuboBackend | None, str]:
    embedded = "content is kept here (embedded)"
    if api == EMBEDDED:
        return None, f"{embedded}, as -ipfs-api says"
    if api is not None:
        daemon = KuboBackend(api, pins)
        await daemon.daemon()
        return daemon, f"content is kept by {daemon.description}, as -ipfs-api says"
    if local:
        return None, f"{embedded}, since the store is a directory"
    if not await _answers():
        return None, f"{embedded}, since no IPFS daemon answers at {DEFAULT_API}"
    try:
        await probe(DEFAULT_API, within=_PROBE_TIMEOUT)
        daemon = KuboBackend(DEFAULT_API, pins)
        await daemon.daemon()
    except BackendUnavailable as error:
        return None, f"{embedded}, since what answers at {DEFAULT_API} cannot be used: {error}"
    return daemon, f"content is kept by {daemon.description}, which answers at the usual address"


async def _answers() -> bool:
    with trio.move_on_after(_CONNECT_TIMEOUT):
        try:
            stream = await trio.open_tcp_stream(*DEFAULT_ENDPOINT)
        except OSError:
            return False
        await stream.aclose()
        return True
    return False
