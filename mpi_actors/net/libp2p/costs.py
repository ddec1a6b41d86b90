"""Work-arounds for what py-libp2p 0.8.1 does far more often than needed.

A test in `tests/net/libp2p/test_libp2p_costs.py` fails when one is no longer needed.
"""

from __future__ import annotations

import functools
from typing import Any

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
import libp2p.stream_muxer.yamux.yamux as yamux
import libp2p.transport.tcp.tcp as tcp
import trio
from libp2p.io.trio import TrioTCPStream
from libp2p.network.stream.net_stream import NetStream
from libp2p.stream_muxer.rw_lock import ReadWriteLock
from libp2p.stream_muxer.yamux.yamux import Yamux, YamuxStream

READ_AHEAD = 128 * 1024
"""Bytes read from a socket at a time: two of the largest noise messages."""

_READS_IN_A_ROW = 32
"""Reads from the buffer after which other tasks have their turn: about a millisecond."""

_GATES: dict[type[Any], tuple[str, ...]] = {
    YamuxStream: ("window_lock", "close_lock"),
    Yamux: ("streams_lock", "_write_lock"),
    NetStream: ("_state_lock",),
    TrioTCPStream: ("read_lock", "write_lock"),
}

_library_update = YamuxStream._auto_tune_and_send_window_update


def apply() -> None:
    """Change the library's modules. Idempotent."""
    tcp.TrioTCPStream = BufferedStream  # type: ignore[attr-defined]
    yamux.ReadWriteLock = EasyReadWriteLock  # type: ignore[attr-defined]
    YamuxStream._auto_tune_and_send_window_update = update_window  # type: ignore[method-assign]
    while _GATES:
        _put_gates(*_GATES.popitem())


def _put_gates(cls: type[Any], names: tuple[str, ...]) -> None:
    library_init = cls.__init__

    @functools.wraps(library_init)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        library_init(self, *args, **kwargs)
        for name in names:
            setattr(self, name, Gate(trio.Lock()))

    cls.__init__ = init


class Gate:
    """A lock, or a semaphore of one, that a task takes at once when it is free.

    Trio's own locks pass through the scheduler even then. Each message takes some eight locks of the library,
    which are nearly always free.
    """

    def __init__(self, lock: trio.Lock | trio.Semaphore) -> None:
        self._lock = lock

    async def acquire(self) -> None:
        """Wait until the lock is free, and take it."""
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    def release(self) -> None:
        """Give the lock to the task that has waited longest."""
        self._lock.release()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class EasyReadWriteLock(ReadWriteLock):
    """The library's lock for the readers and writers of a stream, made of gates."""

    def __init__(self) -> None:
        self._readers = 0
        self._readers_lock = Gate(trio.Lock())  # type: ignore[assignment]
        # a semaphore: the first reader takes it, and the last one, another task, gives it back
        self._writer_lock = Gate(trio.Semaphore(1))  # type: ignore[assignment]


class BufferedStream(TrioTCPStream):
    """A TCP connection with a buffer for reading.

    The library reads two bytes, the length of a noise message, and then the message: two system calls, and
    two passes through trio's scheduler.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self._ahead = b""
        self._at = 0
        self._reads = 0

    async def read(self, n: int | None = None) -> bytes:
        """Read 1 to `n` bytes; `b""` at the end. Cancellation loses no data."""
        if n is None or n >= READ_AHEAD:
            if self._at == len(self._ahead):
                return await super().read(n)
            n = READ_AHEAD
        if self._at == len(self._ahead):
            self._ahead, self._at, self._reads = await super().read(READ_AHEAD), 0, 0
        self._reads += 1
        if not self._reads % _READS_IN_A_ROW:
            await trio.lowlevel.checkpoint()
        at = self._at
        data = self._ahead[at : at + n]
        self._at = at + len(data)
        if self._at == len(self._ahead):
            self._ahead, self._at = b"", 0
        return data


async def update_window(self: YamuxStream, *, bytes_read: int = 0) -> None:
    """Tell the sender of new room only when the room is half of the window.

    The library tells it after each read, so it answers each small message with a message. Room that is not
    told yet is kept in the library's own count, which its own rule uses later.
    """
    pending = self._pending_recv_release + bytes_read
    buffered = len(self.conn.stream_buffers.get(self.stream_id, b""))
    room = self.target_recv_window - self.recv_window - buffered
    if bytes_read and max(pending, room) < self._grow_threshold():
        self._pending_recv_release = pending
    else:
        await _library_update(self, bytes_read=bytes_read)
