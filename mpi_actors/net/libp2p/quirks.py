"""Work-arounds for what py-libp2p 0.8.1 does wrong, each with its reason.

A test in `tests/net/libp2p/test_libp2p_quirks.py` fails when one is no longer needed. `apply()` changes the
library's modules for the whole process; the other functions change one host.
"""

from __future__ import annotations

import logging
import os
import struct
from typing import Any

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
import libp2p.io.msgio as msgio
import libp2p.network.swarm as swarm_module
import libp2p.stream_muxer.muxer_multistream as muxer_multistream
import libp2p.stream_muxer.yamux.yamux as yamux
import trio
from libp2p.abc import IMuxedConn, INetStream, IRawConnection
from libp2p.host.basic_host import BasicHost, _IdentifyNotifee
from libp2p.identity.identify_push.identify_push import ID_PUSH
from libp2p.io.abc import Reader
from libp2p.io.exceptions import IncompleteReadError
from libp2p.network.config import ConnectionConfig
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm

from ...errors import leaf
from . import costs

logger = logging.getLogger(__name__)

MAX_WRITE = 65_507
"""The longest write, in bytes, that becomes one noise message: 65 535 - 16 (noise tag) - 12 (yamux header).
The library cuts a longer one into a full and a tiny message, each with its own system calls: half the
speed."""

MAX_STREAMS = 250
"""Streams that this side opens to one peer at most: to open the 257th on one connection hangs for ever."""

PROBE_INTERVAL = 3.0
"""Seconds between two probes of a connection: they cost little, and free what a frozen peer holds."""

PROBE_TIMEOUT = 10.0
"""Seconds after which an unanswered probe ends the connection. This is longer than the failure detector
waits, which decides about peers; the probe frees what a frozen peer would hold for ever."""

MAX_INBOUND_STREAMS = 1000
"""Streams with one peer from which a further incoming one is refused; the library has no limit."""

MAX_BUFFERED = 64 << 20
"""Bytes that a connection may have received and not read, over all its streams; more end the connection."""

_REASON_LENGTH = 200
"""Characters of an error of the library that our own error quotes: one or two lines."""

HANG_UP = 1.0
"""Seconds for the good order of a connection's end; then its socket is closed. A farewell takes no longer."""


def apply(*, debug: bool = False) -> None:
    """Change the library's modules. Idempotent; call it before a host is made."""
    # the library waits this long for a better address, even after the first one has answered
    swarm_module._HAPPY_EYEBALLS_DELAY = 0
    # by default each write is cut into frames of 64 KiB, at a fixed cost each: half the speed at 1 MiB
    yamux.MAX_MESSAGE_SIZE = 1 << 20
    # that module names the multiplexer's class itself, and ignores the one that the host is given
    muxer_multistream.Yamux = SafeYamux  # type: ignore[attr-defined]
    msgio.read_exactly = read_exactly  # type: ignore[attr-defined]
    yamux.read_exactly = read_exactly  # type: ignore[attr-defined]
    costs.apply()
    quiet_logs(debug=debug)


def quiet_logs(*, debug: bool = False) -> None:
    """Silence the library, which logs as errors what is normal here: failed dials and lost peers.

    The library also calls `logging.debug` and the like, which give the root logger a handler that writes to
    standard error, unless it has one. So it gets one that drops everything.
    """
    logging.getLogger("libp2p").setLevel(logging.DEBUG if debug else logging.CRITICAL)
    logging.getLogger("libp2p").propagate = debug
    logging.getLogger("libp2p.network.auto_connector").setLevel(logging.NOTSET)  # else it has its own level
    if not logging.root.handlers:
        logging.root.addHandler(logging.NullHandler())


def connection_config() -> ConnectionConfig:
    """Return settings with which the library keeps up no connections and has no health monitor.

    The monitor opens a stream to every peer every second, which costs half a percent of a core at each end of
    a connection. When it hangs up on a frozen peer while a write to that peer is stuck, it is stuck, too.
    `SafeYamux` probes with a frame of 12 bytes instead.
    """
    return ConnectionConfig(min_connections=0, low_watermark=0, enable_health_monitoring=False)


async def read_exactly(reader: Reader, n: int, retry_count: int = 0) -> bytes:
    """Read `n` bytes in any number of pieces; the library's own function gives up after 100 pieces.

    Raises:
        IncompleteReadError: the connection ended before.
    """
    data = bytearray()
    while len(data) < n:
        piece = await reader.read(n - len(data))
        if not piece:
            raise IncompleteReadError("the connection ended", expected_bytes=n, received_bytes=len(data))
        data += piece
    return bytes(data)


class SafeYamux(yamux.Yamux):
    """A multiplexed connection that survives cancelled tasks and notices a frozen peer."""

    async def start(self) -> None:
        """Serve the connection. An error ends only this connection; the library would end the host."""
        try:
            await super().start()
        except Exception:
            logger.warning("a connection to %s broke down", self.peer_id, exc_info=True)
            await self._cleanup_on_error()
            self.event_started.set()  # a task that waits for the start finds a closed connection

    async def _handle_incoming_with_ready_signal(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        try:
            await super()._handle_incoming_with_ready_signal(task_status)
        except Exception:
            # other tasks end when they are cancelled, but a stuck write ends only with the socket
            await self.hang_up()
            raise

    async def _write_frame(self, data: bytes) -> None:
        """Write a whole frame, even when cancelled: half a frame would break the connection."""
        await trio.lowlevel.checkpoint_if_cancelled()
        async with self._write_lock:
            with trio.CancelScope(shield=True):
                await self.secured_conn.write(data)
        await trio.lowlevel.checkpoint()

    async def _read_data_body(self, length: int) -> bytes:
        """Drop a peer that sends more than its windows allow; the library only logs that."""
        if sum(map(len, self.stream_buffers.values())) + length > MAX_BUFFERED:
            logger.warning("%s sends more than it may; dropping the connection", self.peer_id)
            raise trio.TooSlowError  # the only error that the caller takes for the end of the connection
        return await super()._read_data_body(length)

    async def close(self, error_code: int = yamux.GO_AWAY_NORMAL) -> None:
        """Close within `HANG_UP` seconds, also when a write to a frozen peer is stuck before the farewell."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hang_up_later)
                await super().close(error_code)
                nursery.cancel_scope.cancel()

    async def hang_up(self) -> None:
        """Close the socket. All reads and writes end, and the connection cleans up."""
        with trio.CancelScope(shield=True):
            await self.secured_conn.close()

    async def _hang_up_later(self) -> None:
        await trio.sleep(HANG_UP)
        await self.hang_up()

    async def _measure_rtt_loop(self) -> None:
        """Probe the peer. The library does so every 30 s, and does nothing when no answer comes."""
        while not self.event_shutting_down.is_set():
            self._ping_id = (self._ping_id + 1) & 0xFFFF_FFFF
            self._ping_event = trio.Event()
            async with trio.open_nursery() as nursery:
                # in a task of its own: a write to a frozen peer does not return
                nursery.start_soon(self._send_probe)
                answered = await self._probe_answered()
                if not answered:
                    logger.info("%s does not answer; dropping the connection", self.peer_id)
                    await self.hang_up()
                nursery.cancel_scope.cancel()
            if not answered:
                return
            with trio.move_on_after(PROBE_INTERVAL):
                await self.event_shutting_down.wait()

    async def _send_probe(self) -> None:
        header = (0, yamux.TYPE_PING, yamux.FLAG_SYN, 0, self._ping_id)
        frame = struct.pack(yamux.YAMUX_HEADER_FORMAT, *header)
        self._ping_sent_time = trio.current_time()
        try:
            await self._write_frame(frame)
        except Exception as error:  # noqa: BLE001
            logger.debug("probing %s: %s", self.peer_id, error)  # the task that reads ends the connection

    async def _probe_answered(self) -> bool:
        # two halves: if this process itself was frozen, the second one gives it time to read the answer
        for _ in range(2):
            with trio.move_on_after(PROBE_TIMEOUT / 2):
                await self._ping_event.wait()
                return True
        return False


def guard_handlers(host: BasicHost) -> None:
    """Let an error in the negotiation or handler of a stream end that stream; the library ends the host."""
    unguarded = host._swarm_stream_handler

    async def guarded(stream: INetStream) -> None:
        try:
            await unguarded(stream)
        except Exception as error:  # noqa: BLE001
            logger.debug("a stream failed: %s", reason(error))
            with trio.CancelScope(shield=True):
                await stream.reset()

    host.get_network().set_stream_handler(guarded)


def forget_identify(host: BasicHost) -> None:
    """Do not ask peers who they are, and do not let them say so unasked: the handshake has proved it.

    To ask costs a stream per connection, and fills the address book with what strangers say. It runs in
    system tasks of trio, which outlive the host, and crash the process if they fail.
    """
    network = host.get_network()
    assert isinstance(network, Swarm)
    for notifee in [each for each in network.notifees if isinstance(each, _IdentifyNotifee)]:
        network.remove_notifee(notifee)
    host.remove_stream_handler(ID_PUSH)


def forget_auto_connect(swarm: Swarm) -> None:
    """Make no connections unasked: with both watermarks at 0 the library still makes up to 150."""

    async def stay_stopped() -> None:
        return

    swarm.auto_connector.start = stay_stopped  # type: ignore[method-assign]


def release_inbound(swarm: Swarm) -> None:
    """Release what belongs to an incoming connection when the connection ends.

    The library keeps a task and one of 300 places for it until the host closes, so it would refuse the 301st
    incoming connection in a daemon's life.
    """
    upgrade = swarm.upgrade_inbound_raw_conn

    async def upgrade_and_wait(raw_conn: IRawConnection, maddr: Any) -> IMuxedConn:
        connection = await upgrade(raw_conn, maddr)
        assert isinstance(connection, SafeYamux)
        await connection.event_closed.wait()
        raise SwarmException("the connection has ended")  # the caller expects this error

    swarm.upgrade_inbound_raw_conn = upgrade_and_wait  # type: ignore[method-assign]


async def wait_readable(stream: yamux.YamuxStream) -> None:
    """Wait until a read from `stream` would return at once: there is data, or the stream has ended.

    Unlike a read, this can be cancelled without loss of data.
    """
    connection, number = stream.conn, stream.stream_id
    while not (
        connection.stream_buffers.get(number)
        or stream.recv_closed
        or stream.reset_received
        or stream.closed
        or connection.event_shutting_down.is_set()
    ):
        event = connection.stream_events.get(number)
        if event is None:
            return
        if event.is_set():  # set for data that has been read since
            event = connection.stream_events[number] = trio.Event()
        await event.wait()


async def wait_closed(stream: yamux.YamuxStream) -> None:
    """Wait until the other side closes a stream that this side has closed. Drop what it still sends.

    Without this the library would keep data that nobody reads.
    """
    while True:
        await wait_readable(stream)
        buffer = stream.conn.stream_buffers.get(stream.stream_id)
        if not buffer:
            return
        buffer.clear()


def was_reset(stream: yamux.YamuxStream) -> bool:
    """Return whether the other side reset the stream, rather than closed it or lost the connection.

    The errors that the library raises in these cases do not tell them apart.
    """
    return stream.reset_received and not stream.recv_closed


def reason(error: BaseException) -> str:
    """Return the root cause in one line: the library wraps errors in errors, groups and many lines."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = leaf(error)
        if error.__cause__ is not None:
            error = error.__cause__
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    text = " ".join(str(error).split())
    return text[:_REASON_LENGTH] or type(error).__name__
