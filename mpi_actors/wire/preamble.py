"""The first bytes on every stream between two daemons.

They say that this is one of our streams, in which protocol version, for control messages or for data frames,
and to which pair of streams it belongs: a link is one control and one data stream with the same token.
"""

from __future__ import annotations

import enum
import struct

import attrs

from ..errors import BadPreamble, VersionMismatch

PROTOCOL_VERSION = 4
"""Raised whenever the meaning of any byte between daemons changes."""

_MAGIC = b"MPIA"
_LAYOUT = struct.Struct("<4sHBx16s")

PREAMBLE_SIZE = _LAYOUT.size
TOKEN_SIZE = 16


class StreamKind(enum.IntEnum):
    """What a stream carries."""

    CONTROL = 1
    DATA = 2


@attrs.frozen
class Preamble:
    """Which half of which link a stream is."""

    kind: StreamKind
    token: bytes = attrs.field(validator=attrs.validators.instance_of(bytes))
    version: int = PROTOCOL_VERSION

    def encode(self) -> bytes:
        """The `PREAMBLE_SIZE` bytes that open the stream."""
        return _LAYOUT.pack(_MAGIC, self.version, self.kind, self.token)

    @classmethod
    def decode(cls, data: bytes) -> Preamble:
        """Read exactly `PREAMBLE_SIZE` bytes.

        Raises:
            BadPreamble: these are not the first bytes of one of our streams.
            VersionMismatch: they are, of another protocol version.
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
