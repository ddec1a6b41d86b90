"""Choices: outcomes that are not the program's own, such as who matched ANY_SOURCE, or a test's answer.

They depend on timing: a new incarnation could see something else. So each is recorded in the rank's page
before it can have consequences, and a new incarnation repeats it (`repeat`). What nobody has seen need not be
recorded: a test that finds nothing, and a look at a clock, are recorded before something leaves.

What cannot be repeated, such as the order of calls of several threads, is told to the job's coordinator
(output commit: Strom and Yemini, ACM TOCS 3(3), 1985). From then on the rank cannot be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, NoReturn

from ...errors import NotReplayable, PageFull
from ...replay.choices import CANCEL, ChoiceAnswer, ChoiceEncoder, parse
from ...replay.page import Page
from ...wire.channel import ChannelKind, ChannelMessage
from .looks import MOST_UNSAID, Looks
from .repeat import Repeat

if TYPE_CHECKING:
    from .home import ChoiceHome
    from .transfer import Receive

MOST_LOOKS = 4 * 1024 * 1024
"""Bytes of looks at clocks in the page: about a million looks. Who looks more often does so in a loop."""
THREADS = "calls from several threads"
FULL = "too many choices"
LOOKS = "too many looks at the clock"


class Choices:
    """The choices of one rank. All calls but `clock` need the engine's lock.

    Args:
        home: the engine.
        page: where choices are recorded, and those of earlier incarnations are; None where there is none.
        replay: whether a lost rank is to be run again.

    Raises:
        BadChoices: what the page has cannot be read.
        BadPage: the page was cut short.
    """

    __slots__ = (
        "_alone", "_encoder", "_home", "_looks", "_page", "_replay", "clock", "first", "last_look",
        "look_bytes", "noes", "ordinal", "recorded", "recording", "repeat", "special", "unsaid",
    )  # fmt: skip

    def __init__(self, home: ChoiceHome, page: Page | None = None, *, replay: bool = True) -> None:
        self._home = home
        self._page = page if replay else None
        self._replay = replay
        self._alone = home.size == 1
        recorded = parse(b"" if self._page is None else self._page.read())
        self._encoder = ChoiceEncoder(recorded)
        self.first = ""
        """Why the rank cannot be run again, in words for people; empty while it can."""
        self.recorded = False
        """The coordinator knows that."""
        self.recording = self._page is not None and not self._alone
        """Choices go into the page. A rank that is alone decides all but what its clocks show."""
        self.repeat: Repeat | None = None
        if self.recording and (recorded.answers or recorded.sources):
            self.repeat = Repeat(home, recorded)
        self.special = self.repeat is not None or (replay and not self.recording and not self._alone)
        """A call that makes a choice has to `ask`, and a receive to be `posted`."""
        self.noes = 0
        """So many tests and probes in a row found nothing, since the last record."""
        self.unsaid = False
        """Before anything leaves, `settle` has to record or tell something."""
        self.ordinal = 0
        """Of the next receive that may be cancelled or that takes a message of any rank."""
        self.look_bytes = 0
        """Bytes of this incarnation's looks at clocks in the page."""
        self._looks = Looks(recorded.clocks, self._on_looks)
        self._looks.recording = self._page is not None
        self.clock: Callable[[int, Callable[[], int]], int] = self._looks.clock
        """`Looks.clock`: any thread may call it, without the lock."""
        self.last_look: Callable[[int], int | None] = self._looks.last
        """`Looks.last`."""

    # --- calls that make choices --------------------------------------------------------------------------

    def ask(self, kind: int, what: str, *, negative: bool = True) -> ChoiceAnswer | None:
        """Return the recorded answer of a call, or None if the call has to find its answer.

        Args:
            kind: the kind of a positive answer (`replay.choices`).
            what: the call, for people.
            negative: whether it may also find nothing.
        """
        if self.repeat is None:
            self.commit(what)
            return None
        answer = self.repeat.take(kind, what, negative=negative)
        self._rest()
        return answer

    def posted(self, receive: Receive) -> bool:
        """The program has posted a receive that has an ordinal. Return False if it must not be queued."""
        if self.repeat is None:
            if receive.want_source < 0:
                self.commit("ANY_SOURCE")
            return True
        queued = self.repeat.post(receive)
        self._rest()
        return queued

    def _rest(self) -> None:
        assert self.repeat is not None
        self.special = self.repeat.asks or self.repeat.posts

    def matched(self, ordinal: int, source: int) -> None:
        """A receive from any rank has matched a message of that rank."""
        if self.recording:
            self._append(self._encoder.source(ordinal, source))

    def found(self, source: int = -1) -> None:
        """A test or a probe has found something. `source`: the message's, if the probe was for any."""
        if self.recording:
            self._append(self._encoder.yes(source))

    def found_one(self, index: int) -> None:
        """One of several transfers was done."""
        if self.recording:
            self._append(self._encoder.index(index))

    def found_some(self, indices: Sequence[int]) -> None:
        """Some of several transfers were done."""
        if self.recording:
            self._append(self._encoder.some(indices))

    def found_nothing(self) -> None:
        """A test or a probe has found nothing."""
        if self.recording:
            self.noes += 1
            self.unsaid = True

    def cancelled(self, ordinal: int, withdrawn: bool) -> None:
        """A receive was cancelled, or a message had matched it before."""
        if self.recording:
            self._append(self._encoder.cancel(ordinal, withdrawn))

    def ask_cancel(self, ordinal: int) -> bool | None:
        """Return whether the record says that a receive was withdrawn; None if the call has to find out."""
        answer = self.ask(CANCEL, "Cancel", negative=False)
        if answer is None:
            return None
        if answer.more != (ordinal,):
            self.diverge(f"it cancelled receive {ordinal}", f"it had cancelled receive {answer.more[0]}")
        return bool(answer.value)

    def is_turn_to_move(self) -> bool:
        """Return whether to look at the streams before one more repeated answer."""
        return self.repeat is None or self.repeat.is_turn_to_move()

    def diverge(self, does: str, did: str) -> NoReturn:
        """Give up: the program does something else than was recorded."""
        assert self.repeat is not None
        self.repeat.diverge(does, did)

    # --- the page -----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Something is about to leave: record what is not recorded yet, and wait for what is not told yet."""
        self._drain()
        self.unsaid = False
        if self.first and not self.recorded and self._replay:
            self.unsaid = True  # until the wait is over
            self._home.wait_for(lambda: self.recorded, lambda: "the coordinator to record a choice")
            self.unsaid = False

    def _append(self, data: bytes) -> None:
        if self.unsaid:
            self._drain()
        self._write(data)

    def _drain(self) -> None:
        if self.noes:
            noes, self.noes = self.noes, 0
            self._write(self._encoder.no(noes))
        unsaid = self._looks.unsaid
        if unsaid:
            data = b"".join(self._encoder.clock(*unsaid.popleft()) for _ in range(len(unsaid)))
            self.look_bytes += len(data)
            self._write(data)
            if self.look_bytes > MOST_LOOKS:
                self._looks.recording = False
                self._declare(LOOKS)

    def _write(self, data: bytes) -> None:
        page = self._page
        if page is None:
            return
        try:
            page.append(data)
        except PageFull:
            self._page = None
            self.recording = self._looks.recording = False
        if page.scarce:
            self._declare(FULL)

    def _on_looks(self) -> None:
        """Looks wait to be recorded; the lock is not held."""
        self.unsaid = True
        if len(self._looks.unsaid) > MOST_UNSAID and self._home.hot != get_ident():
            self._home.inside(self._drain)

    # --- what cannot be repeated --------------------------------------------------------------------------

    def commit(self, what: str) -> None:
        """The program is about to see an outcome that will not be recorded.

        Waits until the coordinator knows; not again, and not in a rank that is alone in its job, has no
        daemon, or is not to be replayed.
        """
        if not self._alone:
            self._declare(what)
            if self.unsaid:
                self.settle()

    def on_other_thread(self) -> None:
        """Another thread calls than before: the order of their calls cannot be repeated."""
        if self.repeat is not None and self.repeat.left():
            self._home.give_up(
                NotReplayable(
                    f"rank {self._home.rank} was started again, and a second thread called the library "
                    f"before the first had repeated its choices ({self.repeat.left()})"
                )
            )
        if not self._alone:
            self.recording = self._looks.recording = False
            self.commit(THREADS)

    def _declare(self, what: str) -> None:
        """Tell the coordinator that this rank cannot be run again; `settle` waits until it knows."""
        if self.first or not self._replay:
            return
        self.first = what
        self.special = self.repeat is not None and self.special
        if self._home.wiring.say(ChannelMessage(ChannelKind.CHOICE, text=what)):
            self.unsaid = True
        else:
            self.recorded = True

    def on_recorded(self) -> None:
        """The daemon says that the coordinator knows."""
        self.recorded = True

    # --- words, and the end -------------------------------------------------------------------------------

    def describe(self) -> list[str]:
        """Return what people may want to know of this rank's choices."""
        lines = []
        if self.repeat is not None and self.repeat.left():
            lines.append(f"repeats what was recorded; left: {self.repeat.left()}")
        if self.first:
            lines.append(f"cannot be run again: {self.first}")
        elif self._page is not None and self._page.written:
            looks = f", {self.look_bytes} of {MOST_LOOKS} for looks at clocks" if self.look_bytes else ""
            lines.append(f"has recorded {self._page.written} bytes of choices{looks}")
        return lines

    def leave(self) -> None:
        """This process is a fork of the rank's: it shares the page, and must not write to it."""
        self._page = None
        self.recording = self._looks.recording = self.special = self.unsaid = self._replay = False
        self.repeat = None
