"""The channel between a rank's process and its daemon: small messages over a Unix stream socket. Sans-I/O.

Both ends use this module. It imports little, since a rank's process must start fast. A message is a fixed
header and a text of at most 1 MiB. The daemon sends one descriptor (SCM_RIGHTS) with the first byte of a
`LANE` message.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from ..errors import BadMessage, FrameTooLarge

_LAYOUT = struct.Struct("<BBxxIIQI")

MAX_TEXT = 1024 * 1024
"""Bytes of the longest text: a traceback fits, and a broken rank cannot make its daemon keep more."""
HEADER_SIZE = _LAYOUT.size
"""Bytes of a message's header."""


class ChannelKind(enum.IntEnum):
    """What a message says, and which side sends it."""

    READY = 1
    """Rank: the library has been initialised."""
    WANT = 2
    """Rank: I need a lane to the present incarnation of `rank`."""
    CHOICE = 3
    """Rank: I cannot be run again, because of `text`; I wait until the coordinator has recorded this."""
    ENDED = 4
    """Rank: the program ended with exit code `number`; the process stays until RELEASE."""
    FAILED = 5
    """Rank: the program failed with exit code `number` and the traceback `text`; `flag`: it ends the job."""
    ABORT = 6
    """Rank: the program ends the whole job with exit code `number`."""
    BROKE = 7
    """Rank: neither I nor another incarnation can go on; `text` is an error's name and text."""
    STATE = 8
    """Rank: `text` says what I do, in answer to question `number`."""
    TOUCHED = 9
    """Rank: the program opens the file `text` to append to it or to change it."""
    LANE = 20
    """Daemon: here is a lane to `rank`, incarnation `incarnation` (with a descriptor); `flag`: by tunnel."""
    PLACED = 21
    """Daemon: `rank` has a new incarnation; older ones are fenced."""
    NOTED = 22
    """Daemon: the coordinator has recorded this."""
    ASK = 23
    """Daemon: what do you do? This is question `number`."""
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
        """Return the message as bytes.

        A text over `MAX_TEXT` keeps its end, where a traceback says what failed.
        """
        text = self.text.encode(errors="backslashreplace")
        if len(text) > MAX_TEXT:
            text = text[-MAX_TEXT:].decode(errors="ignore").encode()
        return _LAYOUT.pack(self.kind, self.flag, self.rank, self.incarnation, self.number, len(text)) + text


class ChannelDecoder:
    """Turns received bytes into messages, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[ChannelMessage]:
        """Take received bytes and return the messages that they complete.

        Raises:
            FrameTooLarge: a header announces a text of more than `MAX_TEXT` bytes.
            BadMessage: a message has an unknown kind, or its text is not UTF-8.
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
                raise BadMessage(f"a text on a rank's channel is not UTF-8: {error}") from None
            messages.append(ChannelMessage(_KINDS[kind], rank, incarnation, number, text, bool(flag)))
            at = end
        del self._buffer[:at]
        return messages
