"""The loop that moves the bytes: a thread that waits runs it, one thread at a time.

The thread that runs the loop drives: it reads and writes all streams, at first without sleeping (it spins),
then asleep in epoll. Other threads that wait sleep until the driver has something for them, or stops. While
no thread waits, the helper thread looks at the streams now and then (`helper`).

A thread that waits is in the middle of something (`reentry`), but not while it sleeps. Between two looks it
does what was put off.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from os import sched_yield
from threading import get_ident
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from .reentry import Reentry

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


class Progress(Reentry):
    """The loop of all streams, and the threads that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.spin = False
        """Other ranks run on this machine: their messages may come before a thread has fallen asleep."""
        self.polite = False
        """More ranks than processors run here: a spinning thread yields its processor between two looks."""
        self.helper_thread: int | None = None
        """The helper thread's identifier: that thread must never wait, and reports leave it out."""
        self.waiting: dict[int, Waiting] = {}
        """By the identifier of the thread that waits."""
        self.runnable: deque[Runnable] = deque()
        """Schedules whose round is complete: the next one can start."""
        self.turns = 0
        """Counts looks at the streams: the helper sees from it whether a thread of the program looks."""
        self._changed = threading.Condition(self.lock)
        self._epoll = select.epoll()
        self._streams: dict[int, Watched] = {}
        self._epoll.register(self.bell, select.EPOLLIN)
        self._patience = _MOST_SPIN
        """Seconds to spin at the next wait."""
        self._slept = 0
        """Waits without a spin since the last one with a spin."""
        self._driver = 0
        """The thread that runs the loop; 0 if none does."""
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
        os.close(self.bell)

    # --- moving bytes -------------------------------------------------------------------------------------

    def move(self, patience: float = 0.0) -> bool:
        """Read, write and start rounds as far as is possible now; return whether anything was done.

        If nothing can be done, sleep until something can, at most `patience` seconds. The lock is held, but
        not while asleep.
        """
        self.turns += 1
        if patience and not (self.runnable or self.due):
            events = self._sleep(patience)
        else:
            events = self._epoll.poll(0)
        moved = False
        for fd, event in events:
            stream = self._streams.get(fd)
            if stream is None:
                if fd == self.bell:
                    os.eventfd_read(self.bell)
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

    def _sleep(self, patience: float) -> list[tuple[int, int]]:
        me = get_ident()
        before, self.sleeper = self.sleeper, me
        self.hot = 0
        held = self._held._release_save()  # however often it was taken, as a condition's wait does
        try:
            return self._epoll.poll(patience)
        finally:
            self._held._acquire_restore(held)
            self.hot = me
            self.sleeper = before
            if before:
                # a finalizer waited in the middle of a sleep, and may have heard what that waits for
                os.eventfd_write(self.bell, 1)

    def advance(self) -> bool:
        """Start the next rounds of all runnable schedules; return whether there were any.

        The helper thread leaves those to the program's threads whose computations are the program's own.
        """
        advanced = False
        helps = self.hot == self.helper_thread
        left: list[Runnable] = []
        while self.runnable:
            run = self.runnable.popleft()
            if helps and run.own:
                left.append(run)
                continue
            run.go_on()
            advanced = True
        self.runnable.extend(left)
        return advanced

    def kick(self) -> None:
        """Wake the sleeping driver and all other threads that wait: something has changed."""
        if self.sleeper:
            os.eventfd_write(self.bell, 1)
        if self._others:
            self._changed.notify_all()

    # --- waiting ------------------------------------------------------------------------------------------

    def wait_for(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        """Wait until `done`. The lock is held, but not while asleep. `words` say what for, for people.

        Raises:
            BaseException: what a signal handler raised.
            ReentrantCall: a finalizer on the helper thread waits.
        """
        me = get_ident()
        if me == self.helper_thread:
            raise self.reentrant("a call that waits")
        outside, self.hot = self.hot, me
        before = self.waiting.get(me)
        self.waiting[me] = (words, monotonic())
        try:
            while not done():
                if self.due or (self.rung and me == self.main):
                    self.pause()
                elif self._driver and self._driver != me:
                    self._let_others_drive(me)
                else:
                    driver, self._driver = self._driver, me
                    try:
                        self._drive(done, me)
                    finally:
                        self._set_driver(driver)
        finally:
            if before is None:
                del self.waiting[me]
            else:
                self.waiting[me] = before
            self.hot = outside

    def pause(self) -> None:
        """Do what was put off, in a call that waits: nothing is half done.

        Raises:
            BaseException: what a signal handler raised.
        """
        try:
            self.catch_up()
        finally:
            self.hot = get_ident()

    def _let_others_drive(self, me: int) -> None:
        self._others += 1
        self.hot = 0
        try:
            self._changed.wait(_OTHERS_SLEEP)
        finally:
            self._others -= 1
            self.hot = me

    def _drive(self, done: Callable[[], bool], me: int) -> None:
        spin = self._spin_time()
        until = perf_counter() + spin
        while not done():
            if self.due or (self.rung and me == self.main):
                return
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
                while not (transfer.done or self.due or stream is None or stream.closed):
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
            self.wait_for(lambda: partner.has_brought(transfer), words)

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
