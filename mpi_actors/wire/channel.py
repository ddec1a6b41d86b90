"""The channel between a rank's process and its daemon: small messages over a Unix stream socket. Sans-I/O.

Both ends use this module, and a rank's process must start fast: it imports little. A message is a fixed
header and a text of at most 1 MiB. `LANE` comes with one descriptor (SCM_RIGHTS), sent with its first byte.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from ..errors import BadMessage, FrameTooLarge

_LAYOUT = struct.Struct("<BBxxIIQI")

MAX_TEXT = 1024 * 1024
"""Bytes of the longest text."""
HEADER_SIZE = _LAYOUT.size


class ChannelKind(enum.IntEnum):
    """What a message says."""

    READY = 1
    """Rank: the library is initialised."""
    WANT = 2
    """Rank: I need a lane to `rank`'s present incarnation."""
    CHOICE = 3
    """Rank: the program has made a choice that was not its own, `text`; I wait until that is recorded."""
    ENDED = 4
    """Rank: the program has ended with exit code `number`; the process stays until RELEASE."""
    FAILED = 5
    """Rank: the program failed with exit code `number`; `text` is its traceback; `flag`: it ends the job."""
    ABORT = 6
    """Rank: the program ends the whole job with exit code `number`."""
    BROKE = 7
    """Rank: it cannot go on, nor could another incarnation: `text` is an error's name and text."""
    STATE = 8
    """Rank: what it does, in answer to question `number`."""
    LANE = 20
    """Daemon: here is a lane to `rank`, incarnation `incarnation` (with a descriptor); `flag`: by tunnel."""
    PLACED = 21
    """Daemon: `rank` has a new incarnation; older ones are fenced."""
    NOTED = 22
    """Daemon: the choice is recorded."""
    ASK = 23
    """Daemon: what do you do? Question `number`."""
    RELEASE = 24
    """Daemon: the job is over."""
    COMPANY = 25
    """Daemon: `rank` ranks run on this host, which has `number` processors."""


_KINDS = {int(kind): kind for kind in ChannelKind}


class ChannelMessage(NamedTuple):
    """One message; what the fields mean depends on the kind."""

    kind: ChannelKind
    rank: int = 0
    incarnation: int = 0
    number: int = 0
    text: str = ""
    flag: bool = False

    def encode(self) -> bytes:
        """As bytes. A text that is too long keeps its end, where the news usually is."""
        text = self.text.encode(errors="replace")
        if len(text) > MAX_TEXT:
            text = text[-MAX_TEXT:].decode(errors="ignore").encode()
        return _LAYOUT.pack(self.kind, self.flag, self.rank, self.incarnation, self.number, len(text)) + text


class ChannelDecoder:
    """Turns received bytes into messages, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[ChannelMessage]:
        """Take received bytes, return the messages that they complete.

        Raises:
            FrameTooLarge: a header announces a text of more than 1 MiB.
            BadMessage: a message is of no known kind, or its text is no UTF-8.
        """
        self._buffer += data
        messages: list[ChannelMessage] = []
        at = 0
        while len(self._buffer) - at >= HEADER_SIZE:
            kind, flag, rank, incarnation, number, length = _LAYOUT.unpack_from(self._buffer, at)
            if length > MAX_TEXT:
                raise FrameTooLarge(f"a text of {length} bytes on a rank's channel; the limit is {MAX_TEXT}")
            if kind not in _KINDS or flag > 1:
                raise BadMessage(f"a message of unknown kind {kind} or flag {flag} on a rank's channel")
            end = at + HEADER_SIZE + length
            if end > len(self._buffer):
                break
            try:
                text = self._buffer[at + HEADER_SIZE : end].decode()
            except UnicodeDecodeError as error:
                raise BadMessage(f"a text on a rank's channel is no UTF-8: {error}") from None
            messages.append(ChannelMessage(_KINDS[kind], rank, incarnation, number, text, bool(flag)))
            at = end
        del self._buffer[:at]
        return messages
