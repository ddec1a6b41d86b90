"""What this peer offers: seats, interpreters, content. Others, and jobs here, are told when it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from ..actors import Mailbox
from ..config import Settings
from ..programs.program import Launcher
from ..ranks.host import Host
from ..wire.messages import MAX_ADDRESS, MAX_ADDRESSES, MAX_NAME, MAX_STOCK, Capacity, Stock
from .roster import PeerRecord, Roster

_MOST_BYTES = 900_000
"""Of the names in one list: two of them fit a control message."""


class Announcer:
    """The actor that tells of it.

    Args:
        content: what others can have from here, and where; see `Daemon`.
        told: called when the others have been told of something.
    """

    def __init__(
        self,
        *,
        launcher: Launcher,
        host: Host,
        roster: Roster,
        settings: Settings,
        content: Callable[[], Stock] | None,
        told: Callable[[], None],
    ) -> None:
        self._launcher = launcher
        self._host = host
        self._roster = roster
        self._settings = settings
        self._look = content or Stock
        self._told = told
        self._content: Stock | None = None
        self._changed = trio.Event()

    def changed(self) -> None:
        """Seats or interpreters have changed."""
        self._changed.set()

    def content_changed(self) -> None:
        """What others can have from here has changed."""
        self._content = None
        self._changed.set()

    def capacity(self) -> Capacity:
        """What this peer offers now."""
        return Capacity(
            interpreters=_fitting(self._launcher.interpreters()),
            slots=self._settings.peer.slots,
            running=self._host.running,
            full=self._host.full,
        )

    def stock(self) -> Stock:
        """What this peer could offer now, and what it has for others."""
        if self._content is None:
            # looked up only when it is new: ranks start and end far more often
            content = self._look()
            addresses = [text for text in content.addresses if len(text) <= MAX_ADDRESS]
            self._content = Stock((), _fitting(content.holds), tuple(addresses[:MAX_ADDRESSES]))
        installable = _fitting(self._launcher.installable())
        return Stock(installable, self._content.holds, self._content.addresses)

    def greet(self, record: PeerRecord) -> None:
        """A peer has come; what there is to say of us that the greeting does not, or not any more."""
        self._tell(record, self.capacity(), self.stock())

    async def run(self, _: Mailbox[object]) -> None:
        """The actor."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            capacity, stock = self.capacity(), self.stock()
            for record in self._roster:
                self._tell(record, capacity, stock)
            self._told()
            # ranks start and end in crowds
            await trio.sleep(self._settings.timing.heartbeat / 4)

    def _tell(self, record: PeerRecord, capacity: Capacity, stock: Stock) -> None:
        if capacity != record.announced:
            record.announced = capacity
            record.link.send_control(capacity)
        if stock != record.told:
            record.told = stock
            record.link.send_control(stock)


def _fitting(names: Iterable[str]) -> tuple[str, ...]:
    """The first of them, as many as one message may hold: to send what nobody takes would cost us links."""
    kept: list[str] = []
    size = 0
    for name in names:
        size += len(name.encode()) + 8
        if len(kept) == MAX_STOCK or size > _MOST_BYTES:
            break
        if len(name) <= MAX_NAME:
            kept.append(name)
    return tuple(kept)
