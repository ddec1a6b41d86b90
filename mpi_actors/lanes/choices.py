"""The recorded choices of the ranks of this peer, and those that it has heard of: who must know them, and
when.

`replay.streams` has the rules. Before bytes of a rank leave on a link, the link asks `JobChoices` for what
must go ahead. Some milliseconds later the same goes to the coordinator, whose answer ends it. Where the
coordinator itself is, everything that is known is stable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

import attrs

from ..config import KIB, MIB
from ..errors import BadFrame, Impostor, MpiActorsError
from ..ids import Incarnation, JobId, PeerId, Rank
from ..net.link import Link
from ..replay.page import Page
from ..replay.streams import ChoiceBatches, ChoiceStreams
from ..wire.choices import PIECE_COST, ChoicePiece, decode_pieces, encode_pieces
from ..wire.fields import StreamPosition
from ..wire.frame import Frame, FrameKind
from ..wire.messages import ChoicesStable
from .recovered import Recovered

MOST_UNSTABLE = 64 * KIB
"""Bytes of choices that may be known here and not be stable; above that, bytes of ranks wait for the
coordinator. So what goes ahead of a message stays small, while a thousand choices a second never wait."""
_MOST_LOOKS = 1000
"""Times that the pages' ends are read in the hope that nothing is written meanwhile; each takes a tenth of a
microsecond for each page. Many ranks that choose without a pause could spoil them all: then a host that is
lost right after this may take with it the reason for a choice that others have heard of."""
_MOST_COMING = 512 * MIB
"""Bytes of one batch that is not complete: more than any peer has to tell."""


class ChoiceSink(Protocol):
    """The job's coordinator, which holds the choices of all ranks."""

    def on_pieces(self, pieces: list[ChoicePiece], sender: PeerId) -> None:
        """A peer has told a batch of pieces.

        Raises:
            Impostor: that peer hosts no rank of the job.
        """
        ...

    def on_sealed(self, sender: PeerId, round: int) -> None:
        """A peer has told all that it knows, for that round of a gathering."""
        ...

    def position(self, rank: Rank) -> tuple[Incarnation, int]:
        """Return the newest incarnation of a rank, and the position up to which its stream is stable."""
        ...


class ChoiceReporter(Protocol):
    """What sees that the coordinator gets the news."""

    def soon(self) -> None:
        """There is news."""
        ...

    def report(self, choices: JobChoices) -> None:
        """Have the link to the job's coordinator ask for the news."""
        ...

    def tell(self, peer: PeerId, message: ChoicesStable) -> object:
        """Send a peer a control message."""
        ...


class Waiter(Protocol):
    """What waits until choices are stable."""

    def schedule(self) -> None:
        """Try again."""
        ...


@attrs.define(eq=False)
class _Paged:
    """A rank of this peer, and its page."""

    incarnation: Incarnation
    page: Page
    read: int
    """The position up to which the page was read."""
    on_broken: Callable[[MpiActorsError], None]


class JobChoices:
    """See the module's text. One for each job that this peer takes part in.

    Args:
        job: the job.
        coordinator: where its coordinator is.
        keeper: sees that the coordinator gets the news.
    """

    def __init__(self, job: JobId, coordinator: PeerId, keeper: ChoiceReporter) -> None:
        self.job = job
        self.coordinator = coordinator
        self.active = False
        """Whether there may be choices; while there cannot, nothing needs to be asked."""
        self._keeper = keeper
        self._streams = ChoiceStreams()
        self._batches = ChoiceBatches()
        self._coming: Counter[PeerId] = Counter()
        """Bytes of batches that are not complete, by sender."""
        self._open: set[PeerId] = set()
        """Peers that got only a part of a batch."""
        self._pages: dict[Rank, _Paged] = {}
        self._sink: ChoiceSink | None = None
        self._acks: dict[PeerId, set[Rank]] = {}
        """Ranks whose positions are to be told, by peer."""
        self._parked: dict[Waiter, None] = {}
        self.recovered = Recovered()
        """What new incarnations here must choose again, if it is too much for one message."""
        self._round = 0
        """The round of a gathering that must be answered."""
        self.gaps = 0
        """Pieces that were dropped because bytes before them are missing here."""

    # --- ranks of this peer -------------------------------------------------------------------------------

    def attach(
        self,
        rank: Rank,
        incarnation: Incarnation,
        page: Page,
        stable: int,
        on_broken: Callable[[MpiActorsError], None],
    ) -> None:
        """Read the page of an incarnation from now on.

        Args:
            rank: its rank.
            incarnation: its number.
            page: the page; whoever called closes it after `detach`.
            stable: the position up to which it repeats what earlier incarnations recorded.
            on_broken: called when the page cannot be read, or contradicts what other peers know.
        """
        self._pages[rank] = _Paged(incarnation, page, stable, on_broken)
        self._streams.begin(rank, incarnation, stable)
        self._begin()

    def detach(self, rank: Rank, incarnation: Incarnation) -> None:
        """Read the page of an incarnation whose process is gone for the last time."""
        paged = self._pages.get(rank)
        if paged is not None and paged.incarnation == incarnation:
            self._read_pages(all=True)
            self._pages.pop(rank, None)
            self._keeper.soon()

    def position(self, rank: Rank) -> int:
        """Return how far the stream of a rank goes that is or was here."""
        self._read_pages(all=True)
        self._keeper.soon()
        return self._sink.position(rank)[1] if self._sink is not None else self._streams.position(rank)

    def waiting(self) -> str:
        """Return, for people, why bytes for other peers wait; "" if they do not."""
        if not self._parked or self._streams.unstable <= MOST_UNSTABLE:
            return ""
        return (
            "its messages to other hosts wait until the coordinator has more of the "
            f"{self._streams.unstable} bytes of choices that it does not have"
        )

    # --- what goes ahead ----------------------------------------------------------------------------------

    def ahead(self, link: Link, most: int) -> Frame | None:
        """Return a frame that must leave on this link before any bytes that a rank has written until now.

        Call this until it returns None.
        """
        if self._sink is not None:
            return None
        self._read_pages()
        peer = link.remote
        if not self._streams.has_news(peer) and peer not in self._open:
            return None
        pieces = self._streams.news(peer, max(most, 2 * PIECE_COST))
        more = self._streams.has_news(peer)
        if not pieces and peer not in self._open:
            return None
        if more:
            self._open.add(peer)
        else:
            self._open.discard(peer)
        if peer != self.coordinator:
            self._keeper.soon()
        return self._frame(encode_pieces(pieces), more=more)

    def holds_up(self, link: Link, waiter: Waiter) -> bool:
        """Return whether bytes of ranks must not leave on this link now; `waiter` is told when they may."""
        if (
            self._streams.unstable <= MOST_UNSTABLE
            or link.remote == self.coordinator
            or self._sink is not None
        ):
            return False
        self._parked[waiter] = None
        return True

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """Return what the coordinator is told, apart from what goes ahead of bytes; see `FrameSource`."""
        if link.remote != self.coordinator:
            return None
        frame = self.ahead(link, most)
        if frame is None and self._round:
            frame, self._round = self._frame(b"", round=self._round), 0
        return frame

    # --- what comes ---------------------------------------------------------------------------------------

    def receive(self, frame: Frame, sender: PeerId) -> None:
        """Take a CHOICES frame.

        Raises:
            BadFrame: the frame cannot be.
            Impostor: that peer hosts no rank of the job, or does not coordinate it.
        """
        if frame.total:
            if sender != self.coordinator:
                raise Impostor("it sends what a rank must choose again, and does not coordinate the job")
            self.recovered.receive(frame)
            return
        more = frame.offset != 0
        self._coming[sender] = self._coming[sender] + len(frame.payload) if more else 0
        if self._coming[sender] > _MOST_COMING:
            raise BadFrame(f"{self._coming[sender]} bytes of choices came without an end")
        pieces = self._batches.add(sender, decode_pieces(frame.payload), more=more)
        if self._sink is not None:
            self._sink.on_pieces(pieces, sender)
            self._acks.setdefault(sender, set()).update(piece.rank for piece in pieces)
            if frame.seq:
                self._sink.on_sealed(sender, frame.seq)
        else:
            self._learn(pieces)
        self._begin()
        self._keeper.soon()

    def on_stable(self, positions: Iterable[StreamPosition]) -> None:
        """The coordinator has these streams, up to these positions."""
        for position in positions:
            self._streams.begin(position.rank, position.incarnation, position.position)
        if self._parked and self._streams.unstable <= MOST_UNSTABLE:
            parked, self._parked = self._parked, {}
            for waiter in parked:
                waiter.schedule()

    def on_placed(self, rank: Rank, incarnation: Incarnation, peer: PeerId) -> None:
        """A rank has a new incarnation: what its host was told before, it may have forgotten."""
        self._streams.begin(rank, incarnation)
        self._streams.forget_sent(peer)

    def on_link_down(self, peer: PeerId) -> None:
        """What was under way to or from that peer may be lost."""
        self._streams.forget_sent(peer)
        self._open.discard(peer)
        self._coming.pop(peer, None)
        self._batches.forget(peer)

    # --- the coordinator ----------------------------------------------------------------------------------

    def hold(self, sink: ChoiceSink | None) -> None:
        """Pass what comes to the job's coordinator, which is here, from now on."""
        self._sink = sink

    def answer(self, round: int) -> None:
        """Tell the coordinator everything that is known here, for that round of a gathering."""
        if self._sink is not None:
            self._sink.on_sealed(self.coordinator, round)
            return
        self._round = round
        self._keeper.report(self)

    def look(self) -> bool:
        """Do what is due now and then; return whether there was news."""
        if self._sink is not None:
            acks, self._acks = self._acks, {}
            for peer, ranks in acks.items():
                places = ((rank, *self._sink.position(rank)) for rank in sorted(ranks))
                positions = tuple(StreamPosition(*place) for place in places)
                self._keeper.tell(peer, ChoicesStable(self.job, positions))
            return bool(acks)
        self._read_pages()
        news = self._streams.has_news(self.coordinator)
        if news:
            self._keeper.report(self)
        return news

    @property
    def watched(self) -> bool:
        """Whether pages must be looked at now and then."""
        return bool(self._acks) or (self._sink is None and bool(self._pages or self._streams.unstable))

    # --- inside -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self.active:
            self.active = True
            self._keeper.soon()

    def _frame(self, payload: bytes, *, more: bool = False, round: int = 0) -> Frame:
        return Frame(FrameKind.CHOICES, self.job, 0, 0, 0, 0, seq=round, offset=int(more), payload=payload)

    def _learn(self, pieces: list[ChoicePiece]) -> None:
        try:
            for piece in pieces:
                self.gaps += not self._streams.learn(piece)
        except MpiActorsError as error:
            for paged in tuple(self._pages.values()):
                paged.on_broken(error)

    def _read_pages(self, *, all: bool = False) -> None:
        """Read what the ranks here have recorded.

        What is read must be what the pages had at one moment: a rank that has heard of a choice of another
        one must not be known without it. So the pages' ends are read until they are twice the same.

        Args:
            all: also where the coordinator is here, which otherwise reads pages only of ranks that have
            ended.
        """
        if self._sink is not None and not all:
            return
        ends = self._ends()
        pieces = []
        for rank, end in ends.items():
            paged = self._pages[rank]
            try:
                data = paged.page.read(paged.read)[: end - paged.read]
            except MpiActorsError as error:
                self._break_off(rank, error)
                continue
            if self._sink is None:
                self._streams.record(rank, paged.incarnation, data)
            elif data:
                pieces.append(ChoicePiece(rank, paged.incarnation, paged.read, paged.read, data))
            paged.read = end
        if self._sink is not None and pieces:
            self._sink.on_pieces(pieces, self.coordinator)

    def _ends(self) -> dict[Rank, int]:
        """Return how far each page goes that has something new, all of them at one moment."""
        claims = self._claims()
        for _ in range(_MOST_LOOKS):
            before, claims = claims, self._claims()
            if claims == before:
                break
        # whether a claim is true is known when the page is read
        return {rank: claims[rank] for rank, paged in self._pages.items() if claims[rank] != paged.read}

    def _claims(self) -> dict[Rank, int]:
        return {rank: paged.page.claims for rank, paged in self._pages.items()}

    def _break_off(self, rank: Rank, error: MpiActorsError) -> None:
        self._pages.pop(rank).on_broken(error)
