"""What stands for a message when it comes again: its envelope, and a mark over envelope and payload.

The mark is the digest of the message's DATA frame, as it is without AHEAD. So two messages have one mark only
if they agree in everything that a receiver can see of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...replay.sequence import Running, running_digest
from .frames import DATA, HEADER
from .schedule import kind_name

if TYPE_CHECKING:
    from .schedule import Data

pack_header = HEADER.pack


class Marked(NamedTuple):
    """All that a message says beside its payload, as a repeat must say it again."""

    note: int
    flags: int
    """SYNC or 0."""
    tag: int
    context: int
    size: int

    def mark(self, seq: int, payload: Data) -> bytes:
        """Return the mark of message `seq` with this envelope and payload, in one piece or in several."""
        state = self.running(seq)
        for part in payload if type(payload) is tuple else (payload,):
            state.update(part)  # type: ignore[arg-type]
        return state.digest()

    def running(self, seq: int) -> Running:
        """Return a digest that takes the payload of message `seq` in pieces, and becomes its mark."""
        return running_digest(
            pack_header(DATA, self.note, self.flags, self.tag, self.context, seq, self.size)
        )

    def difference(self, now: Marked) -> str:
        """Return in words what is different `now`; empty if nothing is."""
        words = []
        if now.size != self.size:
            words.append(f"it has {now.size} bytes instead of {self.size}")
        if now.tag != self.tag:
            words.append(f"its tag is {now.tag} instead of {self.tag}")
        if now.context != self.context:
            words.append("it is of another communicator")
        if now.note != self.note:
            words.append(f"it is of {_kind(now.note)} instead of {_kind(self.note)}")
        if now.flags != self.flags:
            words.append("its send is synchronous now" if now.flags else "its send is not synchronous now")
        return ", ".join(words)


def _kind(note: int) -> str:
    return kind_name(note) if note else "no collective operation"
