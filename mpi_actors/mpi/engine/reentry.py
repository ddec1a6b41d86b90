"""What the program's own code may do in the middle of a call of the engine: finalizers and signal handlers.

Both run wherever Python lets them: a finalizer (`__del__`, a callback of a weak reference) at any allocation,
a signal handler between any two instructions of the main thread. So a call can come while the same thread is
in the middle of another one. Each method that changes anything therefore has this form:

    me = get_ident()
    if self.hot == me:
        …  # put it off with `later`, or raise what `reentrant` makes
    with self.lock:
        self.hot = me
        try:
            …
        finally:
            self.hot = 0
            if self.due:
                self.catch_up()

What needs no answer is put off until the call that it came into is over. Handlers that `hold_back` has taken
run then, too, and between two looks of a call that waits (`Progress.pause`).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from time import sleep
from types import FrameType
from typing import Any, NoReturn, TypeVar

from ...errors import ForkedProcess, ReentrantCall

_FOR_EVER = 86400.0
"""Seconds between two looks of a thread that may never go on."""

T = TypeVar("T")
SignalHandler = Callable[[int, FrameType | None], Any]


class ForkedLock:
    """Stands for the lock of an engine in a process that the rank has forked: nobody can take it."""

    def __enter__(self) -> None:
        raise ForkedProcess(
            f"process {os.getpid()} was forked by a rank and called MPI: only the rank itself can, and the "
            "child would speak in its name; start other ranks, or let the rank call"
        )

    def __exit__(self, *_: object) -> None:
        """Do nothing: nobody comes here."""


class Reentry:
    """The lock of the engine, and what waits until the thread that holds it has finished what it does."""

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.disowned = False
        """This process is a fork of the rank's."""
        self.hot = 0
        """The thread that is in the middle of something; 0 if none is: then each call finds all in order."""
        self.due: deque[Callable[[], None]] = deque()
        """What calls have put off. The threads of the program do it as soon as nothing is half done."""
        self.rung: dict[int, tuple[SignalHandler, FrameType | None]] = {}
        """Signals, by number, whose handlers wait, with the frames that they interrupted."""
        self.main = threading.main_thread().ident
        """The thread in which signal handlers run."""
        self.sleeper = 0
        """The thread that sleeps in epoll, without the lock; 0 if none does."""
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Ends the sleep of that thread."""
        self.closed = False
        """The program has ended: its threads can call no more."""
        self.thread = get_ident()
        """The thread that made the last call."""
        self._held: Any = self.lock

    def disown(self) -> None:
        """This process is a fork of the rank's: calls that would change anything raise ForkedProcess."""
        self.lock = ForkedLock()
        self.disowned = True

    def later(self, function: Callable[[], None]) -> None:
        """Put something off: this thread is in the middle of something else."""
        self.due.append(function)
        os.eventfd_write(self.bell, 1)

    def reentrant(self, call: str) -> ReentrantCall:
        """Return the error of a call that needs an answer and came into the middle of another one."""
        return ReentrantCall(
            f"{call} was called in the middle of another call of this library, by a finalizer (__del__) or a "
            "function of a collective operation, and would have to wait there for ever: only sends, and what "
            "begins an operation without waiting for it, can be called there"
        )

    def inside(self, function: Callable[[], T]) -> T:
        """Call a function of the library that no other call may interrupt. It may not wait."""
        me = get_ident()
        if self.hot == me:
            return function()
        with self.lock:
            self.hot = me
            try:
                return function()
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def refuse_reentry(self, call: str) -> None:
        """Raise ReentrantCall if this thread is in the middle of another call."""
        if self.hot and self.hot == get_ident():
            raise self.reentrant(call)

    def close_to_program(self) -> None:
        """The program has ended, though its process stays: only this thread may go on."""
        with self.lock:
            self.closed = True
            self.thread = get_ident()

    def stop_here(self) -> NoReturn:
        """Keep a thread of a program that has ended for ever, without the lock."""
        if self._held._is_owned():
            self.hot = 0
            self._held._release_save()
        while True:
            sleep(_FOR_EVER)

    def hold_back(self, signum: int, handler: SignalHandler, frame: FrameType | None) -> bool:
        """A signal has come. If the main thread is in the middle of something, keep its handler for later.

        Returns False if the handler may run now.
        """
        me = get_ident()
        if self.hot != me and self.sleeper != me:
            return False
        self.rung[signum] = handler, frame
        self.later(_nothing)
        return True

    def catch_up(self) -> None:
        """Do what was put off. The lock is held, and nothing is half done.

        Raises:
            BaseException: what a signal handler raised.
        """
        me = get_ident()
        while self.due or (self.rung and me == self.main):
            self.hot = me
            try:
                self.do_due()
            finally:
                self.hot = 0
            if self.rung and me == self.main:
                self._handle_signals()

    def do_due(self) -> None:
        """Do what was put off, but run no signal handler. The caller is inside."""
        while self.due:
            self.due.popleft()()

    def _handle_signals(self) -> None:
        """Run the handlers that wait, without the lock: they may wait for other threads."""
        held = self._held._release_save()  # however often it was taken, as a condition's wait does
        try:
            try:
                signum, (handler, frame) = self.rung.popitem()
            except KeyError:
                return  # a call that came in between has run them
            handler(signum, frame)
        finally:
            self._held._acquire_restore(held)
            if self.rung:
                self._handle_signals()


def _nothing() -> None:
    """Let `due` say that a handler waits."""
