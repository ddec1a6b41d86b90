"""The loop that moves the bytes: a thread that waits runs it, one thread at a time.

The thread that runs the loop drives: it reads and writes all streams, at first without sleeping (it spins),
then asleep in epoll. Other threads that wait sleep until the driver has something for them, or stops. While
no thread waits, the helper thread looks at the streams now and then (`helper`).
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from os import sched_yield
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from .transfer import describe_many

if TYPE_CHECKING:
    from .home import Runnable, Watched
    from .partner import Partner
    from .transfer import Transfer

_MOST_SPIN = 0.0005
"""Seconds that a waiting thread spins at the most before it sleeps. A message of a rank on the same machine
takes 3 microseconds, waking up some 30. Each spin in vain halves the time, each success doubles it."""
_LEAST_SPIN = 0.00002
"""Seconds: a shorter spin would end before most messages can come, so that the thread sleeps at once."""
_WAITS_WITHOUT_SPIN = 32
"""Waits without a spin, after which one spins again to see whether messages come fast now."""
_LONGEST_SLEEP = 60.0
"""Seconds that the driver sleeps in epoll at the most. Whatever it waits for wakes it earlier."""
_OTHERS_SLEEP = 1.0
"""Seconds that a thread which does not drive sleeps at the most. The driver wakes it earlier."""
_NEAR_LOOKS = 16
"""Looks at the one stream that a message is expected from, between two looks at all streams."""
_READS_IN_A_ROW = 64
"""Reads from one stream before the other streams have their turn."""

Waiting = tuple[Callable[[], str], float]
"""What a thread waits for, in words, and since when, by the monotonic clock."""


class Progress:
    """The loop of all streams, its lock and its waiting threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._held: Any = self.lock
        self.spin = False
        """Other ranks run on this machine: their messages may come before a thread has fallen asleep."""
        self.polite = False
        """More ranks than processors run here: a spinning thread yields its processor between two looks."""
        self.thread = threading.get_ident()
        """The thread that made the last call."""
        self.waiting: dict[int, Waiting] = {}
        """By the identifier of the thread that waits."""
        self.runnable: deque[Runnable] = deque()
        """Schedules whose round is complete: the next one can start."""
        self.turns = 0
        """Counts looks at the streams: the helper sees from it whether a thread of the program looks."""
        self._changed = threading.Condition(self.lock)
        self._epoll = select.epoll()
        self._streams: dict[int, Watched] = {}
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._patience = _MOST_SPIN
        """Seconds to spin at the next wait."""
        self._slept = 0
        """Waits without a spin since the last one with a spin."""
        self._driver = 0
        """The thread that runs the loop; 0 if none does."""
        self._asleep = False
        """The driver sleeps in epoll."""
        self._others = 0
        """Threads that wait while another one drives."""

    # --- streams ------------------------------------------------------------------------------------------

    def add(self, stream: Watched) -> None:
        """Read from a new stream from now on."""
        fd = stream.sock.fileno()
        self._streams[fd] = stream
        self._epoll.register(fd, select.EPOLLIN)

    def watch(self, stream: Watched) -> None:
        """Look for room to write, or no longer: the stream's `watched` has changed."""
        events = select.EPOLLIN | select.EPOLLOUT if stream.watched else select.EPOLLIN
        self._epoll.modify(stream.sock.fileno(), events)

    def unwatch(self, stream: Watched) -> None:
        """Leave a stream alone that is about to be closed."""
        fd = stream.sock.fileno()
        if self._streams.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Close all streams and the loop. No thread may wait."""
        for stream in tuple(self._streams.values()):
            stream.close()
        self._epoll.close()
        os.close(self._wake)

    # --- moving bytes -------------------------------------------------------------------------------------

    def move(self, patience: float = 0.0) -> bool:
        """Read, write and start rounds as far as is possible now; return whether anything was done.

        If nothing can be done, sleep until something can, at most `patience` seconds. The lock is held, but
        not while asleep.
        """
        self.turns += 1
        if patience and not self.runnable:
            self._asleep = True
            held = self._held._release_save()  # however often it was taken, as a condition's wait does
            try:
                events = self._epoll.poll(patience)
            finally:
                self._held._acquire_restore(held)
                self._asleep = False
        else:
            events = self._epoll.poll(0)
        moved = False
        for fd, event in events:
            stream = self._streams.get(fd)
            if stream is None:
                if fd == self._wake:
                    os.eventfd_read(self._wake)
                continue
            if event & ~select.EPOLLOUT:
                for _ in range(_READS_IN_A_ROW):
                    moved |= stream.read()
                    if stream.closed or not stream.more:
                        break
            if event & select.EPOLLOUT and not stream.closed:
                moved |= stream.flush()
        moved = self.advance() or moved
        if moved and self._others:
            self._changed.notify_all()
        return moved

    def advance(self) -> bool:
        """Start the next rounds of all runnable schedules; return whether there were any."""
        advanced = False
        while self.runnable:
            self.runnable.popleft().go_on()
            advanced = True
        return advanced

    def kick(self) -> None:
        """Wake the sleeping driver and all other threads that wait: something has changed."""
        if self._asleep:
            os.eventfd_write(self._wake, 1)
        if self._others:
            self._changed.notify_all()

    # --- waiting ------------------------------------------------------------------------------------------

    def wait_for(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        """Wait until `done`. The lock is held, but not while asleep. `words` say what for, for people."""
        me = threading.get_ident()
        self.waiting[me] = (words, monotonic())
        try:
            while not done():
                if self._driver and self._driver != me:
                    self._others += 1
                    try:
                        self._changed.wait(_OTHERS_SLEEP)
                    finally:
                        self._others -= 1
                    continue
                before, self._driver = self._driver, me
                try:
                    self._drive(done)
                finally:
                    self._set_driver(before)
        finally:
            del self.waiting[me]

    def _drive(self, done: Callable[[], bool]) -> None:
        spin = self._spin_time()
        until = perf_counter() + spin
        while not done():
            if not spin:
                self.move(_LONGEST_SLEEP)
            elif self.move():
                until = perf_counter() + spin
            elif perf_counter() > until:
                self._adapt_spin(False)
                spin = 0.0
            elif self.polite:
                sched_yield()
        if spin:
            self._adapt_spin(True)

    def wait(self, transfer: Transfer) -> None:
        """Wait until a transfer is done.

        Raises:
            Exception: what a computation in it raised.
        """
        if not transfer.done:
            with self.lock:
                if not transfer.done:
                    self.wait_for(lambda: transfer.done, transfer.describe)
        if transfer.exception is not None:
            raise transfer.exception

    def wait_all(self, transfers: Sequence[Transfer]) -> None:
        """Wait until all are done. The caller looks at each for errors."""
        pending = [transfer for transfer in transfers if not transfer.done]
        if pending:
            with self.lock:

                def all_done() -> bool:
                    while pending and pending[-1].done:
                        pending.pop()
                    return not pending

                self.wait_for(all_done, lambda: describe_many(pending, "all of"))

    def wait_near(self, transfer: Transfer, partner: Partner, words: Callable[[], str]) -> None:
        """Wait for a transfer that a message of `peer` will complete: look at its lane first."""
        stream = partner.stream
        nobody = not self._driver and stream is not None and not stream.relay
        spin = self._spin_time() if nobody else 0.0
        if spin:
            self._driver = self.thread
            polite = self.polite
            try:
                until = perf_counter() + spin
                while not (transfer.done or stream is None or stream.closed):
                    for _ in range(_NEAR_LOOKS):
                        if stream.read():
                            break
                        if polite:
                            sched_yield()
                    else:
                        self.move()
                        if perf_counter() > until:
                            break
            finally:
                self.turns += 1
                self._driver = 0
                if self._others:
                    self._changed.notify_all()
            if self.runnable:
                self.advance()
            if not transfer.done or spin < _MOST_SPIN:
                self._adapt_spin(transfer.done)
        if not transfer.done:
            self.wait_for(lambda: transfer.done, words)

    def _spin_time(self) -> float:
        """Return the seconds to spin at this wait."""
        if not self.spin or self._others:
            return 0.0
        if self._patience < _LEAST_SPIN:
            self._slept += 1
            if self._slept < _WAITS_WITHOUT_SPIN:
                return 0.0
            self._slept = 0
            self._patience = 4 * _LEAST_SPIN
        return self._patience

    def _adapt_spin(self, found: bool) -> None:
        """Spin longer next time if what was waited for came; else shorter: others may need the processor."""
        self._patience = min(_MOST_SPIN, 2 * self._patience) if found else self._patience / 2

    def _set_driver(self, to: int = 0) -> None:
        self._driver = to
        if self._others:
            self._changed.notify_all()

    @property
    def driven(self) -> bool:
        """Whether a thread drives now."""
        return bool(self._driver)
