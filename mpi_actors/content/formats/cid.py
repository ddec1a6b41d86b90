"""Content identifiers: what a block is called, made from what is in it.

Source: https://github.com/multiformats/cid. Only SHA-256 is taken, and only the two codecs that files and
directories are made of; so the numbers in front of the digest are one byte each.
"""

from __future__ import annotations

import enum
import hashlib
from functools import cached_property

import attrs
import base58
import multibase

from ...errors import BadCid

DIGEST_SIZE = 32
_SHA256 = 0x12
_V0_HEAD = bytes((_SHA256, DIGEST_SIZE))
_MAX_TEXT = 256
_V0_TEXT_LENGTH = 46

AnyBytes = bytes | bytearray | memoryview


class Codec(enum.IntEnum):
    """How a block's bytes are to be read."""

    RAW = 0x55
    """A piece of a file and nothing else."""
    DAG_PB = 0x70
    """A node with links: see `dagpb`."""


@attrs.frozen(slots=False)
class Cid:
    """One content identifier. Equal ones name the same block in the same version of the notation."""

    codec: Codec
    digest: bytes
    """The SHA-256 of the block."""
    version: int = 0
    """0 or 1; a CID of version 0 is always of the codec DAG_PB."""

    def __attrs_post_init__(self) -> None:
        if len(self.digest) != DIGEST_SIZE or not (
            self.version == 1 or (self.version == 0 and self.codec is Codec.DAG_PB)
        ):
            raise ValueError(f"no CID: version {self.version}, {self.codec!r}, {len(self.digest)} bytes")

    @classmethod
    def of(cls, data: AnyBytes, codec: Codec = Codec.DAG_PB, version: int = 0) -> Cid:
        """The identifier of a block."""
        return cls(codec, hashlib.sha256(data).digest(), version)

    @classmethod
    def parse(cls, text: str) -> Cid:
        """The identifier that a text is, in any of the usual bases.

        Raises:
            BadCid: it is none, or one of a kind that is not used here.
        """
        shown = repr(text[:60] + "…" if len(text) > 60 else text)
        if not 2 <= len(text) <= _MAX_TEXT or not text.isascii() or not text.isalnum():
            raise BadCid(f"{shown} is no content identifier, such as Qm… or bafy…")
        try:
            plain = len(text) == _V0_TEXT_LENGTH and text.startswith("Qm")
            raw = base58.b58decode(text) if plain else bytes(multibase.decode(text))
        except Exception as error:  # the libraries raise whatever they stumble over
            raise BadCid(f"{shown} is no content identifier: check that it was copied entirely") from error
        if not plain and raw[:1] != b"\x01":
            raise BadCid(f"{shown} is no content identifier of version 1: check that it was copied entirely")
        try:
            return cls.from_bytes(raw)
        except BadCid as error:
            raise BadCid(f"{shown} cannot be used: {error}") from None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Cid:
        """The identifier that stands in a block or message.

        Raises:
            BadCid: it is none, or one of a kind that is not used here.
        """
        if raw[:2] == _V0_HEAD and len(raw) == 2 + DIGEST_SIZE:
            return cls(Codec.DAG_PB, bytes(raw[2:]))
        version, codec = parse_prefix(raw[:4])
        if version != 1 or len(raw) != 4 + DIGEST_SIZE:
            raise BadCid("its length is wrong: check that it was copied entirely")
        return cls(codec, bytes(raw[4:]), version)

    @cached_property
    def raw(self) -> bytes:
        """It as bytes, as it stands in blocks and messages."""
        return (_V0_HEAD if self.version == 0 else self.prefix) + self.digest

    @property
    def prefix(self) -> bytes:
        """All but the digest, as bitswap sends it before a block; version 0 is written out, too."""
        return bytes((self.version, self.codec, *_V0_HEAD))

    @cached_property
    def _text(self) -> str:
        if self.version == 0:
            return base58.b58encode(self.raw).decode()
        return bytes(multibase.encode("base32", self.raw)).decode()

    def __str__(self) -> str:
        return self._text

    def matches(self, data: AnyBytes) -> bool:
        """Whether this is the identifier of that block."""
        return hashlib.sha256(data).digest() == self.digest


def parse_prefix(prefix: AnyBytes) -> tuple[int, Codec]:
    """The version and codec in the bytes before a block, see `Cid.prefix`.

    Raises:
        BadCid: they make no sense, or are of a kind that is not used here.
    """
    if len(prefix) != 4 or prefix[0] > 1:
        raise BadCid("it is of an unknown version: 0 and 1 are known here")
    version, codec, hash_type, length = prefix
    try:
        known = Codec(codec)
    except ValueError:
        raise BadCid(f"its codec is {codec:#x}: only files and directories can be used") from None
    if (hash_type, length) != (_SHA256, DIGEST_SIZE):
        raise BadCid(f"its hash is {hash_type:#x} with {length} bytes: only SHA-256 can be used")
    if version == 0 and known is not Codec.DAG_PB:
        raise BadCid("version 0 is for dag-pb only")
    return version, known
