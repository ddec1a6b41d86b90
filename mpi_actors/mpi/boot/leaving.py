"""The end of a program whose process stays, because other ranks may need its messages again.

For the program it is as if the process had ended: its other threads can neither call MPI nor print, its
signal handlers do not run, its timers do not ring. `os._exit(0)` is such an end, too.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what the module `signal` is made of
import os
import sys
from _thread import allocate_lock, get_ident
from operator import index
from typing import TYPE_CHECKING, NoReturn

from ..engine.ending import linger, report_end
from .standins import stand_in

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from .signals import DeferredSignals


class Leaving:
    """How a rank's process leaves.

    Args:
        engine: this rank's engine.
        signals: the program's signal handlers.
    """

    def __init__(self, engine: Engine, signals: DeferredSignals) -> None:
        self._engine = engine
        self._signals = signals
        self._pid = os.getpid()
        self._exit = os._exit
        self._turn = allocate_lock()
        """Held for ever by the thread that leaves."""
        self._leaver = 0

    def install(self) -> None:
        """Put a function in the place of `os._exit`."""

        def _exit(status: int) -> NoReturn:
            self.exit(status)

        stand_in(_exit, os, "_exit")

    def exit(self, status: int) -> NoReturn:
        """Do what `os._exit` does, but let the process of a rank that has ended well stay.

        Other processes that the program has forked, and the helper thread, end at once.

        Raises:
            SystemExit: a finalizer leaves in the middle of a call, which has to come to its end first.
        """
        me = get_ident()
        engine = self._engine
        if os.getpid() != self._pid or me == engine.helper_thread:
            self._exit(status)
        code = index(status) & 0xFF
        if engine.hot != me:
            self.take_turn()
            if code or engine.over:
                self._exit(status)
            self.leave()
        if self._turn.acquire(blocking=False):
            if code or engine.over:
                self._exit(status)
            self._silence()
            engine.later(self._leave_after_all)
        raise SystemExit(0)

    def take_turn(self) -> None:
        """This thread ends the process. If another one does that already, wait for it, which is for ever."""
        if self._leaver != get_ident():
            self._turn.acquire()
            self._leaver = get_ident()

    def leave(self) -> NoReturn:
        """Tell the daemon that the program has ended well, stay until the job is over, and go."""
        self.take_turn()
        self._silence()
        self._calm()
        self._engine.close_to_program()
        report_end(self._engine, 0)
        linger(self._engine)
        self._exit(0)

    def _leave_after_all(self) -> None:
        self._leaver = get_ident()
        self.leave()

    def _silence(self) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)

    def _calm(self) -> None:
        """No signal that the program has asked for ends the process, or runs a function of the program."""
        self._signals.drop()
        for timer in (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF):
            _signal.setitimer(timer, 0)
        faults = sys.modules.get("faulthandler")
        if faults is not None:
            faults.cancel_dump_traceback_later()
