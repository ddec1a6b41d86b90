"""Content identifiers (CIDs): the name of a block, made from its bytes.

Source: https://github.com/multiformats/cid. Only SHA-256 is accepted, and only the two codecs that files and
directories are made of; so each number in front of the digest is one byte.
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
"""Bytes of a SHA-256, the only hash that is accepted."""
_SHA256 = 0x12
"""The number of SHA-256 in the table of multihashes."""
_V0_HEAD = bytes((_SHA256, DIGEST_SIZE))
_MAX_TEXT = 256
"""Characters of an identifier's text at most: in base 2, the longest notation, it has 289, but nobody
writes that."""
_V0_TEXT_LENGTH = 46
"""Characters of an identifier of version 0: 34 bytes in base 58."""

AnyBytes = bytes | bytearray | memoryview


class Codec(enum.IntEnum):
    """How a block's bytes are to be read."""

    RAW = 0x55
    """The block is a piece of a file and nothing else."""
    DAG_PB = 0x70
    """The block is a node, with data and links: see `dagpb`."""


@attrs.frozen(slots=False)
class Cid:
    """One content identifier.

    Identifiers of the same block are equal only if their versions and codecs are equal, too.
    """

    codec: Codec
    digest: bytes
    """The SHA-256 of the block."""
    version: int = 0
    """0 or 1; an identifier of version 0 always has the codec DAG_PB."""

    def __attrs_post_init__(self) -> None:
        if len(self.digest) != DIGEST_SIZE or not (
            self.version == 1 or (self.version == 0 and self.codec is Codec.DAG_PB)
        ):
            raise ValueError(f"no CID: version {self.version}, {self.codec!r}, {len(self.digest)} bytes")

    @classmethod
    def of(cls, data: AnyBytes, codec: Codec = Codec.DAG_PB, version: int = 0) -> Cid:
        """Return the identifier of a block with these bytes."""
        return cls(codec, hashlib.sha256(data).digest(), version)

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Return the identifier that a text names, in any of the usual bases.

        Raises:
            BadCid: the text is not an identifier, or one of a kind that is not used here.
        """
        shown = repr(text[:60] + "…" if len(text) > 60 else text)
        if not 2 <= len(text) <= _MAX_TEXT or not text.isascii() or not text.isalnum():
            raise BadCid(f"{shown} is not a content identifier, such as Qm… or bafy…")
        try:
            plain = len(text) == _V0_TEXT_LENGTH and text.startswith("Qm")
            raw = base58.b58decode(text) if plain else bytes(multibase.decode(text))
        except Exception as error:  # the libraries raise many kinds
            raise BadCid(f"{shown} is not a content identifier: check that it was copied entirely") from error
        if not plain and raw[:1] != b"\x01":
            raise BadCid(
                f"{shown} is not a content identifier of version 1: check that it was copied entirely"
            )
        try:
            return cls.from_bytes(raw)
        except BadCid as error:
            raise BadCid(f"{shown} cannot be used: {error}") from None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Cid:
        """Return the identifier that is encoded in a block or message.

        Raises:
            BadCid: the bytes are not an identifier, or one of a kind that is not used here.
        """
        if raw[:2] == _V0_HEAD and len(raw) == 2 + DIGEST_SIZE:
            return cls(Codec.DAG_PB, bytes(raw[2:]))
        version, codec = parse_prefix(raw[:4])
        if version != 1 or len(raw) != 4 + DIGEST_SIZE:
            raise BadCid("its length is wrong: check that it was copied entirely")
        return cls(codec, bytes(raw[4:]), version)

    @cached_property
    def raw(self) -> bytes:
        """The identifier as bytes, as blocks and messages contain it."""
        return (_V0_HEAD if self.version == 0 else self.prefix) + self.digest

    @property
    def prefix(self) -> bytes:
        """The four bytes that bitswap sends with a block: version, codec, hash and length of the digest."""
        return bytes((self.version, self.codec, *_V0_HEAD))

    @cached_property
    def _text(self) -> str:
        if self.version == 0:
            return base58.b58encode(self.raw).decode()
        return bytes(multibase.encode("base32", self.raw)).decode()

    def __str__(self) -> str:
        return self._text

    def matches(self, data: AnyBytes) -> bool:
        """Whether this is the identifier of a block with these bytes."""
        return hashlib.sha256(data).digest() == self.digest


def parse_prefix(prefix: AnyBytes) -> tuple[int, Codec]:
    """Return the version and codec that a prefix names; see `Cid.prefix`.

    Raises:
        BadCid: the prefix makes no sense, or is of a kind that is not used here.
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
