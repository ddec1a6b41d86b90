"""Every work-around for py-libp2p 0.8.1, each with its reason; `tests/net/libp2p/test_libp2p_quirks.py` tells
when one is no longer needed.

`apply()` changes the library's modules for the whole process; the other functions change one host.
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

from . import costs

logger = logging.getLogger(__name__)

MAX_WRITE = 65_507
"""The largest write, in bytes, that becomes one noise message: 65 535 - 16 (noise tag) - 12 (yamux header).
A longer one is cut into a full and a tiny message, each with its own system calls: half the speed."""

MAX_STREAMS = 250
"""The most streams that we open to one peer: opening the 257th on one connection hangs for ever."""

PROBE_INTERVAL = 3.0
"""Seconds between two probes of a connection."""

PROBE_TIMEOUT = 10.0
"""Seconds without an answer to a probe after which the connection is dropped. Longer than any patience of the
failure detector above, which decides about peers; this one frees what a frozen peer would hold for ever."""

MAX_INBOUND_STREAMS = 1000
"""The most streams with one peer at which its next one is still served; the library has no limit."""

MAX_BUFFERED = 64 << 20
"""Bytes received and not yet read, over all streams of a connection, at which the connection is dropped."""

HANG_UP = 1.0
"""Seconds that closing a connection in an orderly way may take before its socket is closed."""


def apply(*, debug: bool = False) -> None:
    """Change the library's modules. Idempotent; call it before a host is made."""
    # a dial waits this long for a better address before it even looks whether the first one answered
    swarm_module._HAPPY_EYEBALLS_DELAY = 0
    # the default cuts every write into 64 KiB frames, at a fixed cost each: half the speed at 1 MiB
    yamux.MAX_MESSAGE_SIZE = 1 << 20
    # the multiplexer's class is written down there, whatever class the host is given
    muxer_multistream.Yamux = SafeYamux  # type: ignore[attr-defined]
    msgio.read_exactly = read_exactly  # type: ignore[attr-defined]
    yamux.read_exactly = read_exactly  # type: ignore[attr-defined]
    costs.apply()
    quiet_logs(debug=debug)


def quiet_logs(*, debug: bool = False) -> None:
    """Silence the library, which reports as errors what is everyday here: failed dials, lost peers.

    It also calls `logging.debug` and the like on the root logger, which would give the root logger a
    handler that writes to standard error; a handler that drops everything prevents that.
    """
    logging.getLogger("libp2p").setLevel(logging.DEBUG if debug else logging.CRITICAL)
    logging.getLogger("libp2p").propagate = debug
    logging.getLogger("libp2p.network.auto_connector").setLevel(logging.NOTSET)  # it has a level of its own
    if not logging.root.handlers:
        logging.root.addHandler(logging.NullHandler())


def connection_config() -> ConnectionConfig:
    """No connections to be kept up, and no health monitor.

    The monitor negotiates a stream to every peer every second, which costs half a percent of a core at each
    end of a connection, and when it hangs up on a frozen peer behind a write to it, it hangs itself.
    `SafeYamux` probes with a 12-byte frame instead.
    """
    return ConnectionConfig(min_connections=0, low_watermark=0, enable_health_monitoring=False)


async def read_exactly(reader: Reader, n: int, retry_count: int = 0) -> bytes:
    """Read `n` bytes, however many pieces they come in; the library's gives up after 100 pieces.

    Raises:
        IncompleteReadError: the end came first.
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
        """Serve the connection. What goes wrong ends this connection; the library would end the host."""
        try:
            await super().start()
        except Exception:
            logger.warning("a connection to %s broke down", self.peer_id, exc_info=True)
            await self._cleanup_on_error()
            self.event_started.set()  # whoever waits for the start finds a closed connection

    async def _handle_incoming_with_ready_signal(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        try:
            await super()._handle_incoming_with_ready_signal(task_status)
        except Exception:
            # the others end when they are cancelled, but a write that is stuck only with the socket
            await self.hang_up()
            raise

    async def _write_frame(self, data: bytes) -> None:
        """Write a frame to its end: half a frame, left by a cancelled task, kills the connection."""
        await trio.lowlevel.checkpoint_if_cancelled()
        async with self._write_lock:
            with trio.CancelScope(shield=True):
                await self.secured_conn.write(data)
        await trio.lowlevel.checkpoint()

    async def _read_data_body(self, length: int) -> bytes:
        """Drop a peer that ignores its windows; the library only logs that, until memory runs out."""
        if sum(map(len, self.stream_buffers.values())) + length > MAX_BUFFERED:
            logger.warning("%s sends more than it may; dropping the connection", self.peer_id)
            raise trio.TooSlowError  # the one error that the caller takes for the connection's end
        return await super()._read_data_body(length)

    async def close(self, error_code: int = yamux.GO_AWAY_NORMAL) -> None:
        """Close within `HANG_UP` seconds: a farewell behind a write to a frozen peer waits for ever."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hang_up_later)
                await super().close(error_code)
                nursery.cancel_scope.cancel()

    async def hang_up(self) -> None:
        """Close the socket; all reads and writes under way end, and the connection cleans up after itself."""
        with trio.CancelScope(shield=True):
            await self.secured_conn.close()

    async def _hang_up_later(self) -> None:
        await trio.sleep(HANG_UP)
        await self.hang_up()

    async def _measure_rtt_loop(self) -> None:
        """Probe the peer; the library asks every 30 s and does nothing when no answer comes."""
        while not self.event_shutting_down.is_set():
            self._ping_id = (self._ping_id + 1) & 0xFFFF_FFFF
            self._ping_event = trio.Event()
            async with trio.open_nursery() as nursery:
                # in a task of its own, since a write to a frozen peer does not return
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
            logger.debug("probing %s: %s", self.peer_id, error)  # the reading task deals with it

    async def _probe_answered(self) -> bool:
        # twice half the time: when it was this process that was frozen, an answer lies ready to be read
        for _ in range(2):
            with trio.move_on_after(PROBE_TIMEOUT / 2):
                await self._ping_event.wait()
                return True
        return False


def guard_handlers(host: BasicHost) -> None:
    """An exception out of a stream's negotiation or handler costs that stream; the library ends the host."""
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
    """Do not ask peers who they are, nor let them tell us unasked.

    The handshake has said it. Asking costs a stream per connection, runs in trio system tasks, which
    outlive the host and crash the process if they fail, and fills the address book from strangers.
    """
    network = host.get_network()
    assert isinstance(network, Swarm)
    for notifee in [each for each in network.notifees if isinstance(each, _IdentifyNotifee)]:
        network.remove_notifee(notifee)
    host.remove_stream_handler(ID_PUSH)


def forget_auto_connect(swarm: Swarm) -> None:
    """Connect to nobody unasked: with both watermarks at 0 the library still wants 150 connections."""

    async def stay_stopped() -> None:
        return

    swarm.auto_connector.start = stay_stopped  # type: ignore[method-assign]


def release_inbound(swarm: Swarm) -> None:
    """Let go of an incoming connection when it ends.

    The library keeps a task and one of 300 places for each until the host closes: the 301st incoming
    connection in a daemon's life would be refused.
    """
    upgrade = swarm.upgrade_inbound_raw_conn

    async def upgrade_and_wait(raw_conn: IRawConnection, maddr: Any) -> IMuxedConn:
        connection = await upgrade(raw_conn, maddr)
        assert isinstance(connection, SafeYamux)
        await connection.event_closed.wait()
        raise SwarmException("the connection has ended")  # what the caller takes for its end

    swarm.upgrade_inbound_raw_conn = upgrade_and_wait  # type: ignore[method-assign]


async def wait_readable(stream: yamux.YamuxStream) -> None:
    """Wait until reading from `stream` would not wait: there is data, or an end.

    Unlike reading, this can be cancelled without losing data.
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
        if event.is_set():  # left over from data that has been read
            event = connection.stream_events[number] = trio.Event()
        await event.wait()


async def wait_closed(stream: yamux.YamuxStream) -> None:
    """Wait until the other side has closed a stream that we have closed; what it still sends is dropped.

    Without that, the library keeps what nobody reads.
    """
    while True:
        await wait_readable(stream)
        buffer = stream.conn.stream_buffers.get(stream.stream_id)
        if not buffer:
            return
        buffer.clear()


def was_reset(stream: yamux.YamuxStream) -> bool:
    """Whether the other side reset the stream, not closed it, and the connection has not ended.

    Which error the library raises in these cases depends on who was waiting for what.
    """
    return stream.reset_received and not stream.recv_closed


def reason(error: BaseException) -> str:
    """The root cause in one line: the library wraps errors in errors, groups and many lines of text."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif error.__cause__ is not None:
            error = error.__cause__
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
