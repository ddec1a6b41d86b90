"""MurmurHash3 (x64, 128 bits, of which the first 64 are used): it places names in large directories.

The hash spreads names, and protects against nothing: anybody can make two names with one hash.
Source: https://github.com/aappleby/smhasher, MurmurHash3.cpp.
"""

from __future__ import annotations

import struct

# the numbers of MurmurHash3_x64_128
_MASK = (1 << 64) - 1  # keeps 64 bits of a sum or product
_C1 = 0x87C37B91114253D5  # multiplier of the first word of each block
_C2 = 0x4CF5AD432745937F  # multiplier of the second word of each block
_BLOCK = 16  # bytes that are mixed at a time
_words = struct.Struct("<QQ")


def murmur64(data: bytes) -> int:
    """Return the hash, with seed 0, as an unsigned 64-bit number."""
    h1 = h2 = 0
    whole = len(data) - len(data) % _BLOCK
    for k1, k2 in _words.iter_unpack(data[:whole]):
        h1 ^= _mix_first(k1)
        h1 = (_rotate(h1, 27) + h2) * 5 + 0x52DCE729 & _MASK
        h2 ^= _mix_second(k2)
        h2 = (_rotate(h2, 31) + h1) * 5 + 0x38495AB5 & _MASK
    k1, k2 = _words.unpack(data[whole:].ljust(_BLOCK, b"\0"))  # zeros mix to zeros: padding is harmless
    h1 ^= _mix_first(k1) ^ len(data)
    h2 ^= _mix_second(k2) ^ len(data)
    h1 = h1 + h2 & _MASK
    h2 = h2 + h1 & _MASK
    return _finish(h1) + _finish(h2) & _MASK


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 64 - bits) & _MASK


def _mix_first(word: int) -> int:
    return _rotate(word * _C1 & _MASK, 31) * _C2 & _MASK


def _mix_second(word: int) -> int:
    return _rotate(word * _C2 & _MASK, 33) * _C1 & _MASK


def _finish(word: int) -> int:
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & _MASK
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return word ^ word >> 33
