"""The control channel of a daemon that a launcher started: an actor that serves its requests.

The launcher holds the other ends of two sockets. When it ends, however that happens, the kernel closes them,
and the daemon stops in an orderly way.

Memory stays bounded when the launcher reads slowly: log lines are then no longer taken from the ranks
(`EventBus.hold`), which wait; lines that programs write to standard error are dropped, counted, and told by
a notice. Events of other kinds are few and always told.
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
from ...errors import BadProgramLine, MpiActorsError, ProtocolError, UsageError
from ...events import Event, EventBus, Log, Notice, PeerJoined, to_json
from ...jobs.job import Job
from ...wire.control import (
    MAX_LOGS,
    Connect,
    ControlRequest,
    DaemonStatus,
    Feed,
    GetStatus,
    Kill,
    LogEntry,
    Logs,
    LogTail,
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

_READ = 256 * 1024
_MAX_REQUEST = 64 * 1024 * 1024
_MANY = 8 * 1024 * 1024
"""Bytes of waiting events from which no log lines are taken."""
_FEW = 1024 * 1024
"""Bytes of waiting events down to which that lasts."""
_EVENT_COST = 256
"""Bytes that a waiting event counts for besides its text."""
_AT_ONCE = 64
"""Requests that are dealt with at a time."""

BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


class EventOutbox:
    """Events on their way to the launcher, in order and in bounded memory."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[float, Event]] = deque()
        self._bytes = 0
        self._let_go: Callable[[], None] | None = None
        self._dropped = 0
        self._some = Bell()

    def put(self, event: Event) -> None:
        """An event has happened now."""
        if self._let_go is not None and isinstance(event, Log) and event.stream == "stderr":
            self._dropped += 1
            return
        self._waiting.append((time.time(), event))
        self._bytes += _cost(event)
        if self._let_go is None and self._bytes > _MANY:
            self._let_go = self._bus.hold()
        self._some.ring()

    async def take(self) -> bytes:
        """Wait for some events, as lines."""
        while not self._waiting:
            await self._some.wait()
        lines: list[bytes] = []
        size = 0
        while self._waiting and size < _READ:
            stamp, event = self._waiting.popleft()
            size += _cost(event)
            lines.append(to_json(event, stamp).encode(errors="surrogatepass") + b"\n")
        self._bytes -= size
        if self._bytes <= _FEW:
            self.release()
        return b"".join(lines)

    def release(self) -> None:
        """Let log lines come again, and tell of what was dropped."""
        let_go, self._let_go = self._let_go, None
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self.put(Notice(text=f"{dropped} lines of standard error, read too slowly, were dropped"))
        if let_go is not None:
            let_go()


class ControlService:
    """The actor. Give `child()` to `RealDaemon.run`.

    Args:
        node: the daemon.
        control: the socket of requests and answers, at the start of a line; closed in the end.
        events: the socket of events; closed in the end.
        opened: the id of the request that opened the daemon, which is answered first.
        stop: called at the end; stops the daemon.
    """

    def __init__(
        self,
        node: RealDaemon,
        control: trio.SocketStream,
        events: trio.SocketStream,
        *,
        opened: int,
        stop: Callable[[], None],
    ) -> None:
        self._opened = opened
        self._stop = stop
        self._node = node
        self._daemon = node.daemon
        self._control = control
        self._events = events
        self._outbox = EventOutbox(node.daemon.bus)
        self._answering = trio.Lock()
        self._limit = trio.Semaphore(_AT_ONCE)

    def child(self) -> ChildSpec[object]:
        """How a supervisor runs it. It is not started again: when it ends, the daemon does."""
        return ChildSpec(id="control", run=self.run, restart=Restart.TEMPORARY)

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: until the launcher is gone, or wants the daemon to stop."""
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
            self._outbox.release()
            self._stop()

    def _greeting(self) -> Opened:
        return Opened(peer=self._daemon.local, addresses=self._daemon.transport.addresses, pid=os.getpid())

    async def _stream_events(self) -> None:
        try:
            while True:
                await self._events.send_all(await self._outbox.take())
        except BROKEN:
            return  # the launcher is gone: the other socket tells

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
            logger.error("the launcher sent nonsense: %s", error)

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
                return  # the launcher is gone: the reader sees it

    async def _obey(self, request: ControlRequest[Any]) -> object:
        daemon = self._daemon
        match request:
            case Start(program=program, size=size, args=args, restart=restart):
                return (await daemon.start_job(program, size, args, restart=restart)).id
            case Offer(script=script):
                return self._node.offer(script)
            case Feed(program=name, path=path, size=size, ended=ended):
                await self._node.inputs.feed(name, path, size, ended)
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
            case GetStatus():
                return status(self._node)
            case WaitPrepared():
                await self._node.prepared.wait()
                return Prepared(
                    interpreters=daemon.launcher.interpreters(),
                    failed={
                        entry.name: entry.detail
                        for entry in self._node.depot.listing()
                        if entry.state != "installed"
                    },
                )
            case Open():
                raise UsageError("this daemon is open already")
        raise UsageError(f"a daemon does not take {type(request).__name__}")


def job_log(job: Job) -> LogTail:
    """The end of a job's log that fits into one answer."""
    lines: deque[LogEntry] = deque()
    room = MAX_LOGS
    for line in reversed(job.log):
        room -= len(line.text)
        if room < 0:
            break
        lines.appendleft(LogEntry(rank=line.rank, text=line.text, stream=line.stream))
    return LogTail(lines=tuple(lines), dropped=job.log.dropped + len(job.log) - len(lines))


def status(node: RealDaemon) -> DaemonStatus:
    """The daemon now."""
    daemon = node.daemon
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
        interpreters=daemon.launcher.interpreters(),
        running=daemon.host.running,
        tasks=trio.lowlevel.current_statistics().tasks_living,
        dead_letters=daemon.dead_letters.total,
        dropped_frames=dict(daemon.router.dropped),
        protocol_errors=dict(daemon.protocol_errors()),
    )


def _cost(event: Event) -> int:
    return _EVENT_COST + (len(event.text) if isinstance(event, Log) else 0)
