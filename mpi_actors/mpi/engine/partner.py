"""Another rank, as this one sees it: its incarnation, the stream to it, and the two halves of the traffic."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ...errors import BadFrame, ProtocolError
from ...replay.sequence import contradiction, left_waiting, shortfall
from . import frames
from .frames import ANNOUNCE, BYE, CHECK, CHECKED, CREDIT, DIGEST, HELLO, MATCHED, PULL
from .inlet import Inlet
from .outlet import Outlet
from .plain import PlainInlet, PlainOutlet
from .stream import Stream
from .transfer import Receive, Transfer

if TYPE_CHECKING:
    from .home import Home

MOST_ERRORS = 3
"""Errors of the protocol at one place of a lane, after which a new lane is no remedy: one may come from a
connection that broke, more do not."""


class Partner:
    """Another rank of the job. The engine's lock is held in all calls.

    Args:
        engine: this rank's engine.
        rank: the partner's world rank.
    """

    __slots__ = (
        "asked", "checks", "compared", "ended", "engine", "errors", "greeted", "incarnation", "inlet",
        "outlet", "place", "quits", "rank", "resumed_with", "stream", "trouble", "wanted",
    )  # fmt: skip

    def __init__(self, engine: Home, rank: int) -> None:
        self.engine = engine
        self.rank = rank
        self.incarnation = 0
        self.stream: Stream | None = None
        self.greeted = False
        """The process at the other end of the stream has said which rank and incarnation it is."""
        self.wanted = False
        """The daemon has been asked for a lane."""
        self.resumed_with = -1
        """The incarnation that greeted last; -1 before the first greeting."""
        self.ended = False
        """The partner has said that its program is over."""
        self.quits = False
        """The partner's present incarnation, which is not its first, has ended: all that it sends is here."""
        self.trouble = ""
        """Why the last stream ended."""
        self.asked: Stream | None = None
        """The stream over which the partner was asked to say when it has compared everything."""
        self.checks = False
        """The partner wants to know when all that it had sent is compared, and it has all that is for it."""
        self.compared = False
        """The partner has said so."""
        self.place = (-1, -1)
        """Where the last error of the protocol was: the partner's incarnation, and the message to come …"""
        self.errors = 0
        """… and how many there were."""
        self.outlet = Outlet(engine, self) if engine.replay else PlainOutlet(engine, self)
        self.inlet = Inlet(engine, self) if engine.replay else PlainInlet(engine, self)

    @property
    def used(self) -> bool:
        """Whether anything has been exchanged with the partner, or is about to be."""
        return self.wanted or self.resumed_with >= 0 or bool(self.outlet.count)

    # --- streams ------------------------------------------------------------------------------------------

    def want(self) -> None:
        """Ask the daemon for a lane, unless there is a stream or the daemon has been asked."""
        if self.stream is None and not self.wanted:
            self.wanted = True
            self.engine.wiring.want(self.rank)

    def on_incarnation_placed(self, incarnation: int) -> None:
        """The partner has a new incarnation: from now on older ones are fenced."""
        if incarnation > self.incarnation:
            used = self.used
            self._drop("the rank has a new incarnation")
            self.incarnation = incarnation
            self.wanted = self.quits = False
            if used:
                self.want()

    def connect(self, sock: socket.socket, incarnation: int, relay: bool) -> None:
        """Use a connected socket to an incarnation of the partner, in place of the stream before.

        A socket to a fenced incarnation is closed. `relay`: daemons carry the bytes.
        """
        if incarnation < self.incarnation:
            sock.close()
            return
        self._drop("a new lane has replaced the old one")
        if incarnation > self.incarnation:
            self.quits = False
        self.incarnation = incarnation
        self.wanted = False
        self.stream = Stream(self, sock, relay)
        self.engine.add(self.stream)
        numbers = self.inlet.numbers
        self.stream.write(
            frames.hello_frame(
                self.engine.job_bytes, self.engine.rank, self.engine.incarnation,
                numbers.expected, numbers.beyond,
            )
        )  # fmt: skip

    def on_stream_lost(self, stream: Stream, reason: str) -> None:
        """A stream has ended or broken. If it was the one in use, ask for another lane."""
        if stream is self.stream:
            self._drop(reason)
            if not self.ended:
                self.want()
            self.engine.on_stream_lost(self.rank)

    def on_protocol_error(self, stream: Stream, error: ProtocolError) -> None:
        """The partner broke the protocol. Go on over a new stream, unless that has not helped before."""
        place = self.incarnation, self.inlet.numbers.expected
        self.errors = self.errors + 1 if place == self.place else 1
        self.place = place
        text = f"{type(error).__name__}: {error}"
        if self.errors >= MOST_ERRORS:
            self.engine.give_up(contradiction(self.engine.rank, self.rank, self.errors, place, text))
        self.on_stream_lost(stream, text)

    def _drop(self, reason: str) -> None:
        if self.stream is not None:
            self.trouble = reason
            stream, self.stream = self.stream, None
            self.greeted = self.checks = False
            self.outlet.suspend()
            stream.close()

    def ask_to_compare(self) -> bool:
        """Return whether the partner has compared all that it had from earlier incarnations of this rank.

        If not, see that it does: this program has ended, and sends nothing more.

        Raises:
            ReplayDivergence: it has more messages than this incarnation has sent, or knows that an earlier
                one had received more.
        """
        if self.compared:
            self.inlet.check_matched()
            return True
        self.want()
        if self.greeted and self.outlet.direct and self.asked is not self.stream:
            missing = self.outlet.numbers.missing_from(self.outlet.count)
            if missing:
                raise shortfall(self.engine.rank, self.rank, missing)
            self.asked = self.stream
            self.say(CHECK, 0, len(self.outlet.holes))
        return False

    def has_brought(self, transfer: Transfer) -> bool:
        """Return whether a transfer is done that waits for a message of the partner.

        If the message can never come, because the partner's program has ended in a later life, give up.
        """
        if transfer.done:
            return True
        if self.quits and isinstance(transfer, Receive) and transfer.arrival is None:
            self.engine.give_up(left_waiting(self.engine.rank, self.rank, self.incarnation))
        return False

    def answer_check(self) -> None:
        """Tell a partner that has ended that it has been compared, once all that is sent again has left."""
        if self.checks and self.outlet.direct:
            self.checks = False
            self.say(CHECKED, 0)

    # --- frames -------------------------------------------------------------------------------------------

    def say(self, kind: int, seq: int, length: int = 0) -> None:
        """Send a frame without a payload, or drop it if there is no stream: the next greeting replaces it."""
        if self.stream is not None and self.greeted:
            self.stream.write(frames.control(kind, seq, length))

    def on_frame(
        self,
        kind: int,
        flags: int,
        tag: int,
        context: int,
        note: int,
        seq: int,
        length: int,
        view: memoryview,
    ) -> None:
        """A frame came that is neither DATA nor BODY.

        Raises:
            BadFrame: it is of an unknown kind, or not allowed now, or the greeting is another rank's.
        """
        if not self.greeted:
            if kind != HELLO:
                raise BadFrame(f"the first frame on a lane is of kind {kind}, not a greeting")
            self._greet(frames.decode_hello(bytes(view)))
        elif kind == PULL:
            self.outlet.on_pulled(seq)
        elif kind == ANNOUNCE:
            self.inlet.on_announced(note, flags, tag, context, seq, length)
        elif kind == MATCHED:
            self.outlet.on_matched(seq)
        elif kind == CREDIT:
            self.outlet.outstanding = max(0, self.outlet.outstanding - length)
        elif kind == DIGEST:
            self.inlet.on_digest(note, flags, tag, context, seq, view)
        elif kind == CHECK:
            self.quits = not length
            self.checks = True
            self.answer_check()
            self.engine.kick()
        elif kind == CHECKED:
            self.compared = True
            self.engine.kick()
        elif kind == BYE:
            self.ended = True
            self.engine.kick()
        else:
            raise BadFrame(f"a frame on a lane is of the unknown kind {kind}")

    def _greet(self, hello: frames.StreamHello) -> None:
        if hello.job != self.engine.job_bytes or hello.rank != self.rank:
            raise BadFrame(f"a lane to rank {self.rank} of this job leads to rank {hello.rank} of another")
        if hello.incarnation != self.incarnation:
            raise BadFrame(f"a lane to incarnation {self.incarnation} leads to {hello.incarnation}")
        fresh = hello.incarnation != self.resumed_with
        self.resumed_with = hello.incarnation
        self.greeted = True
        self.outlet.resume(hello.expected, hello.beyond, fresh=fresh)
        self.inlet.resume()
