"""Opens the content of one peer: its database, its blocks, and the backend that it uses."""

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
"""Address at which an IPFS daemon is looked for if nobody names one: Kubo's default."""
BLOCKS = "blocks"
"""Name of the directory of blocks in a peer's directory."""

DEFAULT_ENDPOINT = ("127.0.0.1", 5001)
"""`DEFAULT_API` as an address for sockets."""
_CONNECT_TIMEOUT = 0.5
"""Seconds to wait for a connection to `DEFAULT_ENDPOINT`: on loopback, where one takes less than 1 ms."""
_PROBE_TIMEOUT = 3.0
"""Seconds to wait for the answer of an IPFS daemon that nobody named: a command should not start late."""


@attrs.frozen(kw_only=True)
class Access:
    """The opened content of one peer."""

    database: Database
    backend: ContentBackend
    why: str
    """A sentence that says which backend was chosen, and why."""
    blocks: BlockStore | None = None
    """The blocks of the embedded backend; None for an IPFS daemon."""

    @property
    def embedded(self) -> EmbeddedBackend | None:
        """The backend if it is the embedded one, else None."""
        return self.backend if isinstance(self.backend, EmbeddedBackend) else None

    @property
    def kubo(self) -> KuboBackend | None:
        """The backend if it is an IPFS daemon, else None."""
        return self.backend if isinstance(self.backend, KuboBackend) else None


@asynccontextmanager
async def open_access(path: Path, api: str | None, *, local: bool = False) -> AsyncIterator[Access]:
    """Open the content of the peer whose directory is `path`, even while that peer's daemon runs.

    Args:
        path: the peer's directory, which is made if it does not exist.
        api: the address of an IPFS daemon's RPC API; `embedded` for our own store; or None to take an IPFS
            daemon if one answers at `DEFAULT_API`, else our own store.
        local: the caller needs only what is on this machine: without `api`, do not look for an IPFS daemon.

    Raises:
        BadAddress: `api` is not an address of an IPFS daemon.
        BackendUnavailable: the IPFS daemon that was named does not answer, or cannot be used.
        StoreDamaged: the directory cannot be used.
        DiskFull: the disk has no room for the database.
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
