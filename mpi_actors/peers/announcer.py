"""Telling the other peers what this one offers: slots, interpreters, content."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from ..actors import Mailbox
from ..config import Settings
from ..programs.program import ProgramStarter
from ..wire.fields import MAX_ADDRESS, MAX_ADDRESSES, MAX_NAME
from ..wire.messages import MAX_STOCK, Capacity, Stock
from .roster import PeerRecord, Roster

_MAX_LIST_BYTES = 900_000
"""Bytes of the names in one list: a `Stock` message has two lists, and both must fit into a control
message."""
_NAME_OVERHEAD = 8
"""Bytes that the encoding adds to each name, at most."""


class Announcer:
    """The actor that tells the other peers, and those jobs that wait for slots, when an offer has changed.

    Args:
        starter: knows which interpreters are installed, and which could be.
        load: returns the number of ranks that run here, and whether this peer takes no more.
        roster: the peers to tell.
        settings: of this peer.
        content: returns what content others can have from here, and where; None for no content. Its
            `installable` is not used.
        on_announced: called when the others have been told of a change.
    """

    def __init__(
        self,
        *,
        starter: ProgramStarter,
        load: Callable[[], tuple[int, bool]],
        roster: Roster,
        settings: Settings,
        content: Callable[[], Stock] | None,
        on_announced: Callable[[], None],
    ) -> None:
        self._starter = starter
        self._load = load
        self._roster = roster
        self._settings = settings
        self._find_content = content or Stock
        self._on_announced = on_announced
        self._content: Stock | None = None
        self._changed = trio.Event()
        """Set while there is a change that is not announced."""

    def on_capacity_changed(self) -> None:
        """The slots or the interpreters of this peer have changed."""
        self._changed.set()

    def on_content_changed(self) -> None:
        """The content that others can have from here has changed."""
        self._content = None
        self._changed.set()

    def capacity(self) -> Capacity:
        """Return the slots and interpreters that this peer offers now."""
        running, full = self._load()
        return Capacity(
            interpreters=_fitting(self._starter.interpreters()),
            slots=self._settings.peer.slots,
            running=running,
            full=full,
            kind=self._starter.kind,
        )

    def stock(self) -> Stock:
        """Return what this peer could install now, and the content that it has for others."""
        if self._content is None:
            # content is kept until it changes: ranks start and end far more often
            content = self._find_content()
            addresses = [text for text in content.addresses if len(text) <= MAX_ADDRESS]
            self._content = Stock((), _fitting(content.holds), tuple(addresses[:MAX_ADDRESSES]))
        installable = _fitting(self._starter.installable())
        return Stock(installable, self._content.holds, self._content.addresses)

    def greet(self, record: PeerRecord) -> None:
        """Tell a peer that has joined what the greeting did not say, or what has changed since."""
        self._send(record, self.capacity(), self.stock())

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: announce each change, several at once if they come close together."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            capacity, stock = self.capacity(), self.stock()
            for record in self._roster:
                self._send(record, capacity, stock)
            self._on_announced()
            # many ranks start or end at the same time: one message is enough for all
            await trio.sleep(self._settings.timing.heartbeat / 4)

    def _send(self, record: PeerRecord, capacity: Capacity, stock: Stock) -> None:
        if capacity != record.capacity_sent:
            record.capacity_sent = capacity
            record.link.send_control(capacity)
        if stock != record.stock_sent:
            record.stock_sent = stock
            record.link.send_control(stock)


def _fitting(names: Iterable[str]) -> tuple[str, ...]:
    """Return the first names, as many as one message may hold.

    Others would cut the link at a message that is too large.
    """
    kept: list[str] = []
    size = 0
    for name in names:
        size += len(name.encode()) + _NAME_OVERHEAD
        if len(kept) == MAX_STOCK or size > _MAX_LIST_BYTES:
            break
        if len(name) <= MAX_NAME:
            kept.append(name)
    return tuple(kept)
