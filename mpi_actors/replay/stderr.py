"""Standard error of one incarnation, on its way from its host to its job's coordinator.

It is not numbered across incarnations: what a new one writes is shown again. But its bytes are counted. So
the host can send again what a broken link has lost, and a reader who does not keep up makes the program wait.
"""

from __future__ import annotations

from collections import deque

from ..errors import BadMessage

WINDOW = 128 * 1024
"""Bytes that may lie between a program and whoever shows its text: two pipes full. On a link of 50 ms that
still carries more than 2 MB/s."""
LAST_WORDS = 1024 * 1024
"""Bytes beyond the window that a program which has ended may have left: more than its pipe holds. So its last
words reach the coordinator, even if nobody reads."""
MOST_WAITING = 2 * WINDOW + LAST_WORDS
"""Bytes of one incarnation that may wait at the coordinator. A host that sends more ignores the window."""


class StderrSender:
    """The host's half: keeps each byte until the coordinator says that it was taken.

    Args:
        most: bytes of the largest piece.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()
        """What the program has written from position `taken` on."""
        self._sent = 0
        """Bytes below this position were sent."""
        self.taken = 0
        """Bytes below this position were taken."""
        self.ended = False
        """Whether the program has ended: then the window is wider."""

    @property
    def end(self) -> int:
        """Bytes that the program has written so far."""
        return self.taken + len(self._kept)

    @property
    def waiting(self) -> int:
        """Bytes that are not taken yet."""
        return len(self._kept)

    @property
    def unsent(self) -> int:
        """Bytes that were never sent, or are to be sent again."""
        return self.end - self._sent

    @property
    def has_room(self) -> bool:
        """Whether more may be read from the program."""
        return self.waiting < WINDOW + (LAST_WORDS if self.ended else 0)

    def write(self, data: bytes) -> None:
        """Take what the program has written."""
        self._kept += data

    def next_piece(self) -> tuple[int, bytes] | None:
        """Return the position and bytes of the next piece, of whole lines if possible; None if none."""
        at = self._sent - self.taken
        if at >= len(self._kept):
            return None
        end = min(at + self._most, len(self._kept))
        if end < len(self._kept):
            end = self._kept.rfind(b"\n", at, end) + 1 or end
        position, self._sent = self._sent, self.taken + end
        return position, bytes(self._kept[at:end])

    @property
    def question(self) -> int:
        """The position of an empty piece, by which to ask what has arrived."""
        return self._sent

    def on_taken(self, taken: int, again: int | None) -> None:
        """The coordinator has taken the bytes below `taken`; it lacks those from `again` on, if given.

        Word that comes late, or cannot be true, changes nothing.
        """
        if self.taken < taken <= self.end:
            del self._kept[: taken - self.taken]
            self.taken = taken
            self._sent = max(self._sent, taken)
        if again is not None and self.taken <= again < self._sent:
            self._sent = again


class StderrReceiver:
    """The coordinator's half: puts the pieces in order, and knows what was taken."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._resyncing = False
        self.expected = 0
        """All bytes below this position have come."""
        self.taken = 0
        """All bytes below this position were taken."""

    @property
    def waiting(self) -> int:
        """Bytes that have come and were not taken."""
        return self.expected - self.taken

    def receive(self, position: int, data: bytes) -> int | None:
        """Take a piece; return the position from which the host has to send again, or None if all is well.

        An empty piece asks what is missing, and is always answered. Other pieces behind a gap ask once.

        Raises:
            BadMessage: the host sends more than the window allows.
        """
        if position > self.expected:
            ask = not data or not self._resyncing
            self._resyncing = True
            return self.expected if ask else None
        fresh = data[self.expected - position :]
        if fresh:
            if self.waiting + len(fresh) > MOST_WAITING:
                raise BadMessage(f"{self.waiting} bytes of standard error wait; the host sends more")
            self._pieces.append(fresh)
            self.expected += len(fresh)
            self._resyncing = False
        return None

    def take(self) -> bytes | None:
        """Return the next piece, or None if there is none."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self.taken += len(piece)
        return piece
