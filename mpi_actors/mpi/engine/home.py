"""What the parts of an engine need of the engine, as protocols: the parts do not import it.

Only type checkers read this module; no rank loads it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from ...errors import MpiActorsError
from ...replay.log import SendLog
from .matching import Matching
from .transfer import Receive, Sending
from .wiring import Wiring


class Watched(Protocol):
    """A stream, as the loop sees it."""

    sock: socket.socket
    closed: bool
    more: bool
    """There may be more to read than the last read has brought."""
    watched: bool
    """The stream has bytes to write as soon as its socket takes some."""

    def read(self) -> bool:
        """Read what is there, once; False when nothing was."""

    def flush(self) -> bool:
        """Write what can be written now; True if something was."""

    def close(self) -> None:
        """Give the socket back."""


class Runnable(Protocol):
    """A schedule whose next round can start."""

    done: bool

    @property
    def own(self) -> bool:
        """Whether a computation to come may be the program's own code."""

    def go_on(self) -> None:
        """Start it."""


class Sender(Protocol):
    """What goes to one rank, as a schedule sees it."""

    def quick(self, context: int, tag: int, note: int, payload: bytes) -> bool:
        """Send a small message, if nothing stands in the way."""

    def reserve(self) -> int:
        """A number for a message that will be sent later."""


class Recorder(Protocol):
    """The engine's choices, as its parts see them."""

    def matched(self, ordinal: int, source: int) -> None:
        """A receive from any rank has matched a message of that rank."""


class ChoiceHome(Protocol):
    """The engine, as its choices see it. All calls but `inside` need the engine's lock."""

    rank: int
    size: int
    """Ranks of the job."""
    incarnation: int
    hot: int
    """The thread that is in the middle of something; 0 if none is."""
    waiting: dict[int, tuple[Callable[[], str], float]]
    """What threads wait for, in words."""
    wiring: Wiring

    def inside(self, function: Callable[[], None]) -> None:
        """Call a function that needs the engine's lock."""

    def wait_for(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        """Wait until `done`. `words` say what for, for people."""

    def heard(self) -> int:
        """Return a number that grows when something of a message arrives."""

    def is_settled(self) -> bool:
        """Return whether all other ranks that this one knows are connected, and none was ever replaced."""

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """End this process: another incarnation could not go on either."""


class Home(Protocol):
    """The engine, as partners, their parts and running schedules see it. All need the engine's lock."""

    rank: int
    incarnation: int
    replay: bool
    """Whether a lost rank is to be run again, so that messages are logged and compared."""
    job_bytes: bytes
    hot: int
    """The thread that is in the middle of something, see `reentry`; 0 if none is."""
    log: SendLog
    matching: Matching
    wiring: Wiring
    runnable: deque[Runnable]

    @property
    def choices(self) -> Recorder:
        """Takes down whose message a receive from any rank has matched."""

    @property
    def outlets(self) -> Sequence[Sender]:
        """By rank."""

    def add(self, stream: Watched) -> None:
        """Read from a new stream from now on."""

    def watch(self, stream: Watched) -> None:
        """Look at the stream's `watched` again: it has changed."""

    def unwatch(self, stream: Watched) -> None:
        """Leave a stream alone that is about to be closed."""

    def kick(self) -> None:
        """Let threads that wait look again."""

    def post_send(self, sending: Sending, seq: int = -1) -> None:
        """Send a message; `seq`: the number that was reserved for it."""

    def post_receive(self, receive: Receive) -> None:
        """Begin to receive."""

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """End this process: another incarnation could not go on either."""

    def on_stream_lost(self, rank: int) -> None:
        """The stream to that rank has ended."""
