"""The helper thread: it obeys the daemon, and moves bytes while the program computes.

It runs no code of the program, which could wait for what only this thread can hear: the garbage collector is
off while it works, the program's threads drop what it has finished, and they do the program's computations.
"""

from __future__ import annotations

import gc
import os
import select
import threading
from contextlib import contextmanager
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING

from ...errors import ProtocolError
from ...wire.channel import ChannelKind, ChannelMessage
from .report import state_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from .engine import Engine
    from .wiring import ChannelWiring

_HELP_INTERVAL = 50
"""Milliseconds after which the helper looks at the streams if no thread of the program has: often enough for
others that wait for this rank, and too seldom to slow down a program that computes."""
_EXIT_ORPHAN = 70
"""Exit code of a rank whose daemon is gone before the job is over (EX_SOFTWARE of sysexits.h)."""


class ProgressHelper:
    """The helper thread of one process.

    Args:
        engine: this rank's engine.
        wiring: the channel to the daemon; None if there is no daemon.
    """

    def __init__(self, engine: Engine, wiring: ChannelWiring | None) -> None:
        self._engine = engine
        self._wiring = wiring
        self._turns = -1
        self._poll = select.poll()
        if wiring is not None:
            self._poll.register(wiring.sock, select.POLLIN)

    def start(self) -> None:
        """Start the thread, which runs until the process ends."""
        threading.Thread(target=self._run, name="mpi-actors", daemon=True).start()

    def _run(self) -> None:
        self._engine.helper_thread = get_ident()
        while True:
            heard = self._poll.poll(_HELP_INTERVAL)
            collects = gc.isenabled()
            gc.disable()
            try:
                if heard and self._wiring is not None:
                    self._hear(self._wiring)
                else:
                    self._help()
                self._judge()
            finally:
                if collects:
                    gc.enable()

    def _help(self) -> None:
        engine = self._engine
        turns, self._turns = self._turns, engine.turns
        if turns == engine.turns and not engine.driven and engine.lock.acquire(blocking=False):
            try:
                if not engine.driven:
                    with self._working():
                        while engine.move():
                            pass
                        engine.kick()
                self._turns = engine.turns
            finally:
                engine.lock.release()

    def _judge(self) -> None:
        """Look whether this rank waits for a recorded outcome that cannot come any more."""
        engine = self._engine
        repeat = engine.choices.repeat
        if repeat is not None and repeat.is_open and engine.lock.acquire(blocking=False):
            try:
                repeat.judge(monotonic())
            finally:
                engine.lock.release()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Inside, this thread works on the engine; the lock is held."""
        engine = self._engine
        kept = engine.in_use()
        engine.hot = get_ident()
        try:
            yield
        finally:
            engine.hot = 0
            done = [item for item in kept if item[0].done]
            del kept
            if done:
                # the last reference to an object of the program may be among them
                engine.later(done.clear)

    def _hear(self, wiring: ChannelWiring) -> None:
        try:
            heard = wiring.hear()
        except ProtocolError:
            heard = []
        if not heard:
            # the daemon is gone: another host starts this rank again, or the job is over
            os._exit(0 if self._engine.over else _EXIT_ORPHAN)
        for message, sock in heard:
            self._obey(message, sock)

    def _obey(self, message: ChannelMessage, sock: socket.socket | None) -> None:
        engine = self._engine
        if message.kind is ChannelKind.ASK:
            text = state_of(engine)
            engine.wiring.say(ChannelMessage(ChannelKind.STATE, number=message.number, text=text))
            return
        with engine.lock, self._working():
            match message.kind:
                case ChannelKind.LANE:
                    if sock is not None and message.rank < engine.size:
                        engine.partners[message.rank].connect(sock, message.incarnation, message.flag)
                case ChannelKind.PLACED:
                    if message.rank < engine.size and message.rank != engine.rank:
                        engine.partners[message.rank].on_incarnation_placed(message.incarnation)
                case ChannelKind.NOTED:
                    engine.choices.on_recorded()
                case ChannelKind.RELEASE:
                    engine.over = True
                case ChannelKind.COMPANY:
                    engine.spin = message.rank > 1
                    engine.polite = message.rank > message.number
                case _:
                    pass
            engine.kick()
