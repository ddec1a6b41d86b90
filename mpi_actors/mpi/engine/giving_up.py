"""Ends of a rank's process that are not its program's own: it aborts the job, or no incarnation can go on."""

from __future__ import annotations

import os
import sys
from threading import get_ident
from time import sleep
from typing import TYPE_CHECKING, NoReturn

from ...errors import MpiActorsError
from ...wire.channel import ChannelKind, ChannelMessage
from .completion import Completion
from .wiring import NoWiring

if TYPE_CHECKING:
    from .wiring import Wiring

_EXIT_GAVE_UP = 3
"""Exit code of a process that gave up and has no daemon that could end it."""
_KILL_PATIENCE = 30.0
"""Seconds that a process waits for the daemon to kill it; then it ends itself."""


class GivingUp(Completion):
    """The ends of this process that are not the program's own end."""

    rank: int
    wiring: Wiring

    def abort(self, code: int, text: str = "") -> NoReturn:
        """End the whole job with an exit code. People see `text`."""
        if self.closed and get_ident() != self.thread:
            self.stop_here()
        if text and isinstance(self.wiring, NoWiring):
            print(f"rank {self.rank}: {text}", file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.ABORT, number=code & 0xFF, text=text), code & 0xFF or 1)

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """End this process with an error that another incarnation would meet as well: the job fails."""
        text = f"rank {self.rank}: {type(error).__name__}: {error}"
        if isinstance(self.wiring, NoWiring):
            print(text, file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.BROKE, text=text), _EXIT_GAVE_UP)

    def _end(self, message: ChannelMessage, code: int) -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if self.wiring.say(message):
            sleep(_KILL_PATIENCE)
        os._exit(code)
