"""The daemon's end of the control protocol: an actor that serves the launcher's requests.

The launcher holds the other ends of two sockets. When the launcher ends, for whatever reason, the kernel
closes them, and the daemon stops in an orderly way. A launcher that reads slowly costs bounded memory: see
`events.BoundedOutbox`.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import trio

from ...actors import Bell, ChildSpec, Mailbox, Restart
from ...daemon.real import RealDaemon
from ...daemon.tree import Daemon
from ...errors import BadProgramLine, MpiActorsError, ProtocolError, UnsupportedFault, UsageError
from ...events import BoundedOutbox, Event, EventBus, Log, PeerJoined, to_json
from ...ids import JobId
from ...jobs.job import Job
from ...wire.control import (
    MAX_LOGS,
    BreakLane,
    Connect,
    ControlRequest,
    DaemonStatus,
    Feed,
    GetStatus,
    Kill,
    LogEntry,
    Logs,
    LogTail,
    Obstruct,
    Offer,
    Open,
    Opened,
    PeerStatus,
    Prepared,
    Start,
    Stop,
    WaitPrepared,
    Why,
    decode_request,
    encode_answer,
    encode_error,
)
from ...wire.splitter import LineSplitter

logger = logging.getLogger(__name__)

_BATCH_BYTES = 256 * 1024
"""Bytes of events after which one write ends: enough that system calls cost little."""
_MAX_REQUEST = 64 * 1024 * 1024
"""The longest request in bytes. The longest that launchers make is a script with its environment."""
_HOLD_BYTES = 8 * 1024 * 1024
"""Bytes of waiting events from which the bus is held …"""
_FREE_BYTES = 1024 * 1024
"""… and down to which: well below, so that the ranks do not stop and go with each line."""
_EVENT_BYTES = 256
"""Bytes that a waiting event takes besides its text, roughly."""
_MOST_REQUESTS = 64
"""Requests that are served at the same time; further ones wait in the socket."""

BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)
"""What a socket raises when the launcher has ended, or when we have closed our end."""


class EventOutbox:
    """Events on their way to the launcher, with the times when they happened."""

    def __init__(self, bus: EventBus) -> None:
        self._waiting: BoundedOutbox[tuple[float, Event]] = BoundedOutbox(
            bus, hold_at=_HOLD_BYTES, free_at=_FREE_BYTES
        )
        self._changed = Bell()

    def put(self, event: Event) -> None:
        """Add an event that happens now."""
        size = _EVENT_BYTES + (len(event.text) if isinstance(event, Log) else 0)
        self._waiting.put((time.time(), event), size)
        self._changed.ring()

    async def take(self) -> bytes:
        """Wait for events; return some of them, a line of JSON each."""
        while not self._waiting:
            await self._changed.wait()
        events = self._waiting.take(_BATCH_BYTES)
        self._waiting.written()
        return b"".join(to_json(event, stamp).encode() + b"\n" for stamp, event in events)

    def close(self) -> None:
        """Drop all events, and free the bus: nobody reads any more."""
        self._waiting.clear()


class ControlService:
    """The actor that serves one launcher. Give `child()` to `RealDaemon.run`.

    Args:
        real: the daemon.
        control: the socket of requests and answers, at the start of a line. The service closes it.
        events: the socket of events. The service closes it.
        opened: the id of the request that opened the daemon; the service answers that request first.
        stop: stops the daemon; called when the service ends.
    """

    def __init__(
        self,
        real: RealDaemon,
        control: trio.SocketStream,
        events: trio.SocketStream,
        *,
        opened: int,
        stop: Callable[[], None],
    ) -> None:
        self._opened = opened
        self._stop = stop
        self._real = real
        self._daemon = real.daemon
        self._control = control
        self._events = events
        self._outbox = EventOutbox(real.daemon.bus)
        self._answering = trio.Lock()
        self._limit = trio.Semaphore(_MOST_REQUESTS)

    def child(self) -> ChildSpec[object]:
        """Return how a supervisor runs the service. It is never restarted: when it ends, the daemon ends."""
        return ChildSpec(id="control", run=self.run, restart=Restart.TEMPORARY)

    async def run(self, _: Mailbox[object]) -> None:
        """Serve until the launcher has ended, or asks the daemon to stop."""
        forget = self._daemon.bus.listen(self._outbox.put)
        try:
            for record in self._daemon.roster:
                address = next(iter(record.addresses), "")
                offers = record.capacity.interpreters
                self._outbox.put(PeerJoined(peer=record.peer, address=address, interpreters=offers))
            async with self._control, self._events, trio.open_nursery() as nursery:
                nursery.start_soon(self._stream_events)
                await self._send(encode_answer(self._opened, self._greeting()))
                await self._serve(nursery)
                nursery.cancel_scope.cancel()
        finally:
            forget()
            self._outbox.close()
            self._stop()

    def _greeting(self) -> Opened:
        return Opened(peer=self._daemon.local, addresses=self._daemon.transport.addresses, pid=os.getpid())

    async def _stream_events(self) -> None:
        try:
            while True:
                await self._events.send_all(await self._outbox.take())
        except BROKEN:
            return  # the launcher has ended: `_serve` sees that, too

    async def _serve(self, nursery: trio.Nursery) -> None:
        splitter = LineSplitter(_MAX_REQUEST)
        try:
            async for data in self._control:
                for line in splitter.feed(bytes(data)):
                    id, request = decode_request(line)
                    if isinstance(request, Stop):
                        await self._send(encode_answer(id, None))
                        return
                    await self._limit.acquire()
                    nursery.start_soon(self._answer, id, request)
        except BROKEN:
            return
        except (ProtocolError, BadProgramLine) as error:
            logger.error("the launcher broke the control protocol: %s", error)

    async def _answer(self, id: int, request: ControlRequest[Any]) -> None:
        try:
            line = encode_answer(id, await self._obey(request))
        except MpiActorsError as error:
            line = encode_error(id, error)
        except Exception as error:
            logger.exception("cannot answer %s", request)
            line = encode_error(id, error)
        finally:
            self._limit.release()
        await self._send(line)

    async def _send(self, line: bytes) -> None:
        async with self._answering:
            try:
                await self._control.send_all(line)
            except BROKEN:
                return  # the launcher has ended: `_serve` sees that, too

    async def _obey(self, request: ControlRequest[Any]) -> object:
        daemon = self._daemon
        match request:
            case Start(program=program, size=size, args=args, restart=restart, replay=replay):
                job = await daemon.start_job(program, size, args, restart=restart, replay=replay)
                return job.id
            case Offer(script=script):
                return self._real.offer(script)
            case Feed(program=name, path=path, size=size, ended=ended):
                await self._real.inputs.feed(name, path, size, ended)
                return None
            case Why(job=name, patience=patience):
                return await daemon.job(name).why(patience)
            case Logs(job=name):
                return job_log(daemon.job(name))
            case Kill(job=name, reason=reason):
                daemon.job(name).kill(reason)
                return None
            case Connect(address=address):
                return (await daemon.connect(address)).peer
            case Obstruct(peer=peer, cut=cut, delay=delay):
                if self._real.obstacles is None:
                    raise UnsupportedFault("this daemon was not opened for tests of losses")
                self._real.obstacles.set(peer, cut=cut, delay=delay)
                return None
            case BreakLane(job=name, rank=rank, other=other):
                return daemon.host.lanes.drop(JobId(name), rank, other)
            case GetStatus():
                return status(daemon)
            case WaitPrepared():
                await self._real.prepared.wait()
                return Prepared(
                    interpreters=daemon.starter.interpreters(),
                    failed={
                        entry.name: entry.detail
                        for entry in self._real.depot.listing()
                        if entry.state != "installed"
                    },
                )
            case Open():
                raise UsageError("this daemon is open already")
        raise UsageError(f"a daemon does not take {type(request).__name__}")


def job_log(job: Job) -> LogTail:
    """Return as much of the end of a job's log as fits into one answer."""
    lines: deque[LogEntry] = deque()
    room = MAX_LOGS
    for line in reversed(job.log):
        room -= len(line.text)
        if room < 0:
            break
        lines.appendleft(LogEntry(rank=line.rank, text=line.text, stream=line.stream, ended=line.ended))
    return LogTail(lines=tuple(lines), dropped=job.log.dropped + len(job.log) - len(lines))


def status(daemon: Daemon) -> DaemonStatus:
    """Return what a daemon is and does now."""
    return DaemonStatus(
        peer=daemon.local,
        addresses=daemon.transport.addresses,
        pid=os.getpid(),
        peers=tuple(
            PeerStatus(
                peer=record.peer,
                addresses=record.addresses,
                interpreters=record.capacity.interpreters,
                slots=record.capacity.slots,
                running=record.capacity.running,
                latency=record.latency,
            )
            for record in daemon.roster
        ),
        interpreters=daemon.starter.interpreters(),
        running=daemon.host.running,
        tasks=trio.lowlevel.current_statistics().tasks_living,
        dead_letters=daemon.dead_letters.total,
        dropped_frames=dict(daemon.router.dropped),
        protocol_errors=dict(daemon.protocol_errors()),
    )
