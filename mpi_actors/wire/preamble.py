"""The first bytes on every stream between two daemons.

They tell that the stream is one of ours, the protocol version, whether control messages or data frames
follow, and the token of the link: a link is one control and one data stream with the same token. Sans-I/O.
"""

from __future__ import annotations

import enum
import struct

import attrs

from ..errors import BadPreamble, VersionMismatch

PROTOCOL_VERSION = 6
"""The version of all that daemons say to each other: one more whenever the meaning of any byte changes."""

_MAGIC = b"MPIA"
_LAYOUT = struct.Struct("<4sHBx16s")

PREAMBLE_SIZE = _LAYOUT.size
"""Bytes of a preamble."""
TOKEN_SIZE = 16
"""Bytes of a link's token: as many as a random UUID, so that no two links have the same."""


class StreamKind(enum.IntEnum):
    """What a stream carries."""

    CONTROL = 1
    DATA = 2


@attrs.frozen
class Preamble:
    """Which half of which link a stream is, and in which protocol version."""

    kind: StreamKind
    token: bytes = attrs.field(validator=attrs.validators.instance_of(bytes))
    version: int = PROTOCOL_VERSION

    def encode(self) -> bytes:
        """Return the `PREAMBLE_SIZE` bytes that open the stream."""
        return _LAYOUT.pack(_MAGIC, self.version, self.kind, self.token)

    @classmethod
    def decode(cls, data: bytes) -> Preamble:
        """Read exactly `PREAMBLE_SIZE` bytes.

        Raises:
            BadPreamble: these are not the first bytes of one of our streams.
            VersionMismatch: the other side speaks another protocol version.
        """
        if len(data) != PREAMBLE_SIZE or data[:4] != _MAGIC:
            raise BadPreamble(f"a stream began with {data[:16]!r}, which is not how ours begin")
        _, version, kind, token = _LAYOUT.unpack(data)
        if version != PROTOCOL_VERSION:
            raise VersionMismatch(
                f"the other side speaks protocol version {version}, this peer {PROTOCOL_VERSION}: "
                "install the same release of mpi-actors on both"
            )
        try:
            return cls(StreamKind(kind), token)
        except ValueError:
            raise BadPreamble(f"a stream of unknown kind {kind}") from None
