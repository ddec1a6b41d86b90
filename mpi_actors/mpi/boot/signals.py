"""Signal handlers of the program wait while the main thread is in the middle of a call of the library.

Python runs handlers between any two instructions of the main thread. What the program sets with
`signal.signal` is kept here; Python gets a function that asks the engine first. All else is as without us.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what the module `signal` is made of
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from ..engine.reentry import Reentry, SignalHandler


class DeferredSignals:
    """The handlers of a program, by the numbers of their signals.

    Args:
        engine: says whether a handler may run now, and keeps it if not.
    """

    def __init__(self, engine: Reentry) -> None:
        self._engine = engine
        self._handlers: dict[int, SignalHandler] = {}
        self._set = _signal.signal
        self._get = _signal.getsignal

    def install(self) -> None:
        """Stand between the program and Python. Its own handler of SIGINT becomes one of the program's."""
        handler = self._get(_signal.SIGINT)
        if callable(handler):
            self.signal(_signal.SIGINT, handler)
        # the module `signal` looks both up at each call
        _signal.signal = self.signal
        _signal.getsignal = self.getsignal

    def uninstall(self) -> None:
        """Give Python the handlers themselves."""
        _signal.signal, _signal.getsignal = self._set, self._get
        for signum, handler in self._handlers.items():
            self._set(signum, handler)
        self._handlers.clear()

    def drop(self) -> None:
        """Let no handler of the program run any more: signals that would call one are ignored."""
        self._handlers.clear()
        self._engine.rung.clear()

    def signal(self, signalnum: int, handler: Any, /) -> Any:
        """See `signal.signal`."""
        before = self.getsignal(signalnum)
        if not callable(handler):
            self._set(signalnum, handler)
            self._handlers.pop(signalnum, None)
            return before
        kept = self._handlers.get(signalnum)
        self._handlers[signalnum] = handler
        try:
            self._set(signalnum, self._on_signal)
        except BaseException:
            if kept is None:
                del self._handlers[signalnum]
            else:
                self._handlers[signalnum] = kept
            raise
        return before

    def getsignal(self, signalnum: int, /) -> Any:
        """See `signal.getsignal`."""
        handler = self._get(signalnum)
        return self._handlers.get(signalnum, handler) if handler == self._on_signal else handler

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        handler = self._handlers.get(signum)
        if handler is not None and not self._engine.hold_back(signum, handler, frame):
            handler(signum, frame)
