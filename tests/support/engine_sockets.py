"""Sockets, epoll and turns of the processes in `engine_world`: nothing waits, nothing is real, all repeats.

A pair of sockets is two queues of bytes of limited size. A process hands its turn over wherever a real one
would make a system call; so another process may run there, and it may be killed there.
"""

from __future__ import annotations

import random
import select
import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Protocol

_numbers = count(1_000_000)
"""Descriptors of sockets in memory: no real one is as large."""


class Killed(BaseException):
    """The world is over: the thread of a process ends that was killed, or that has nothing to do any more."""


class Clock(Protocol):
    """Counts steps, and says when something must happen."""

    dice: random.Random

    def tick(self) -> bool:
        """Another step; return whether the process must hand its turn over."""
        ...


class Turns:
    """A thread that runs only while the world waits for it.

    Args:
        clock: counts the steps.
        main: what the thread does.
    """

    def __init__(self, clock: Clock, main: Callable[[], None]) -> None:
        self.clock = clock
        self.dead = False
        """Killed: it never runs again."""
        self.over = False
        """Its thread has ended."""
        self.error: BaseException | None = None
        self._main = main
        self._quantum = 0
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.dead:
                self._main()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - the world raises it
            self.error = error
        self.over = True
        self._back.release()

    def turn(self, quantum: int) -> None:
        """Let the process run until it has handed its turn over for the `quantum`-th time."""
        self._quantum = quantum
        self._go.release()
        self._back.acquire()

    def pause(self) -> None:
        """Hand the turn over; called by the process.

        Raises:
            Killed: the world is over.
        """
        if self.dead:
            raise Killed
        self._quantum -= 1
        if self.clock.tick() or self._quantum < 0:
            self._back.release()
            self._go.acquire()
            if self.dead:
                raise Killed

    def bury(self) -> None:
        """End the thread."""
        self.dead = True
        if not self.over:
            self._go.release()
        self._thread.join()


class SimSocket:
    """One end of a pair.

    Args:
        turns: of the process that has this end; None for a daemon's.
        room: bytes that may wait to be read at this end.
    """

    def __init__(self, turns: Turns | None, room: int) -> None:
        self.fd = next(_numbers)
        self.inbox = bytearray()
        self.ended = False
        """Nothing more will come."""
        self.closed = False
        self.cut = False
        """Nothing can be sent any more."""
        self.other: SimSocket
        self._turns = turns
        self._room = room

    @property
    def readable(self) -> bool:
        """Whether a read would bring something, or the end."""
        return not self.closed and (bool(self.inbox) or self.ended)

    @property
    def writable(self) -> bool:
        """Whether a write would be taken, or fail."""
        return self.other.closed or self.cut or self.other.left > 0

    @property
    def left(self) -> int:
        """Bytes that this end still has room for."""
        return self._room - len(self.inbox)

    def setblocking(self, flag: bool) -> None:
        """Sockets in memory never block."""

    def setsockopt(self, *args: object) -> None:
        """Sockets in memory have no options."""

    def fileno(self) -> int:
        """See `socket.fileno`."""
        return self.fd

    def send(self, data: bytes | memoryview) -> int:
        """See `socket.send`; now and then only a part is taken.

        Raises:
            BlockingIOError: the other end has no room.
            BrokenPipeError: it is closed.
        """
        dice = None
        if self._turns is not None:
            self._turns.pause()
            dice = self._turns.clock.dice
        if self.other.closed or self.cut:
            raise BrokenPipeError(32, "Broken pipe")
        room = self.other.left
        if room <= 0:
            raise BlockingIOError
        taken = min(len(data), room)
        if dice is not None and taken > 1 and dice.random() < 0.1:
            taken = dice.randint(1, taken)
        self.other.inbox += data[:taken]
        return taken

    def sendmsg(self, parts: Iterable[memoryview]) -> int:
        """See `socket.sendmsg`."""
        return self.send(b"".join(parts))

    def recv(self, most: int) -> bytes:
        """See `socket.recv`.

        Raises:
            BlockingIOError: nothing has come.
        """
        if not self.inbox:
            if self.ended:
                return b""
            raise BlockingIOError
        data = bytes(self.inbox[:most])
        del self.inbox[:most]
        return data

    def recv_into(self, view: memoryview) -> int:
        """See `socket.recv_into`; now and then only a part comes."""
        most = len(view)
        if self._turns is not None:
            self._turns.pause()
            dice = self._turns.clock.dice
            if most > 1 and self.inbox and dice.random() < 0.1:
                most = dice.randint(1, min(most, len(self.inbox)))
        data = self.recv(most)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """See `socket.close`; the other end reads what is on its way, and then the end."""
        if not self.closed:
            self.closed = self.other.ended = True


def socket_pair(one: Turns | None, other: Turns | None, room: int) -> tuple[SimSocket, SimSocket]:
    """Two ends, each with room for so many bytes."""
    pair = SimSocket(one, room), SimSocket(other, room)
    pair[0].other, pair[1].other = pair[1], pair[0]
    return pair


class SimPoll:
    """In place of epoll: a look hands the turn over.

    Args:
        turns: of the process.
        before: is called before each look: whether the process sleeps now.
        after: is called after each look.
    """

    def __init__(self, turns: Turns, before: Callable[[bool], None], after: Callable[[bool], None]) -> None:
        self._turns = turns
        self._before = before
        self._after = after
        self._sockets: dict[int, SimSocket] = {}
        self._writers: set[int] = set()

    def add(self, socket: SimSocket) -> None:
        """Tell what a descriptor means; called before `register`."""
        self._sockets[socket.fd] = socket

    def register(self, fd: int, events: int) -> None:
        """See `select.epoll.register`; other ends than those of lanes are left alone."""

    def modify(self, fd: int, events: int) -> None:
        """See `select.epoll.modify`."""
        self._writers.discard(fd)
        if events & select.EPOLLOUT:
            self._writers.add(fd)

    def unregister(self, fd: int) -> None:
        """See `select.epoll.unregister`."""
        self._sockets.pop(fd, None)
        self._writers.discard(fd)

    def close(self) -> None:
        """There is nothing to close."""

    def poll(self, patience: float) -> list[tuple[int, int]]:
        """What can be read or written now; the process sleeps first, if it is patient."""
        sleeps = patience > 0
        self._before(sleeps)
        self._turns.pause()
        self._after(sleeps)
        return self.events()

    def events(self) -> list[tuple[int, int]]:
        """What `poll` reports."""
        found = []
        for fd, socket in self._sockets.items():
            event = select.EPOLLIN if socket.readable else 0
            if fd in self._writers and socket.writable:
                event |= select.EPOLLOUT
            if event:
                found.append((fd, event))
        return found
