"""Names of basic types elsewhere: characters of the modules struct and array, and type strings of numpy.

The tables map them to names of MPI's datatypes, for C on 64-bit POSIX systems and for common Fortran
compilers.
"""

from __future__ import annotations

import struct

LONG = struct.calcsize("l")
LONG_DOUBLE = 16 if struct.calcsize("P") == 8 else 12
"""Bytes of a C long and of a C long double."""


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


CHARS = _pairs("b1 ? i1 b i2 h i4 i i8 q u1 B u2 H u4 I u8 Q")
CHARS |= _pairs(f"i{LONG} l u{LONG} L f2 e f4 f f8 d f{LONG_DOUBLE} g c4 E c8 F c16 D c{2 * LONG_DOUBLE} G")
"""The character for a type string."""

BASIC = f"""
PACKED u1
BYTE u1
AINT i8 p
OFFSET i8 p
COUNT i8 p
CHAR S1 c
WCHAR U1 U
SIGNED_CHAR i1
SHORT i2
INT i4
LONG i{LONG} l
LONG_LONG i8 q
UNSIGNED_CHAR u1
UNSIGNED_SHORT u2
UNSIGNED u4
UNSIGNED_LONG u{LONG} L
UNSIGNED_LONG_LONG u8 Q
FLOAT f4
DOUBLE f8
LONG_DOUBLE f{LONG_DOUBLE}
C_BOOL b1 =
INT8_T i1 =
INT16_T i2 =
INT32_T i4 =
INT64_T i8 =
UINT8_T u1 =
UINT16_T u2 =
UINT32_T u4 =
UINT64_T u8 =
FLOAT16_T f2
BFLOAT16_T V2
C_COMPLEX c8
C_DOUBLE_COMPLEX c16
C_LONG_DOUBLE_COMPLEX c{2 * LONG_DOUBLE}
CXX_BOOL b1
CXX_FLOAT_COMPLEX c8
CXX_DOUBLE_COMPLEX c16
CXX_LONG_DOUBLE_COMPLEX c{2 * LONG_DOUBLE}
CHARACTER S1 c
LOGICAL i4
INTEGER i4
REAL f4
DOUBLE_PRECISION f8
COMPLEX c8
DOUBLE_COMPLEX c16
LOGICAL1 b1 =
LOGICAL2 i2 =
LOGICAL4 i4 =
LOGICAL8 i8 =
LOGICAL16 i16 =
INTEGER1 i1 =
INTEGER2 i2 =
INTEGER4 i4 =
INTEGER8 i8 =
INTEGER16 i16 =
REAL2 f2 =
REAL4 f4 =
REAL8 f8 =
REAL16 f16 =
COMPLEX4 c4 =
COMPLEX8 c8 =
COMPLEX16 c16 =
COMPLEX32 c32 =
"""
"""Names of basic types, their type strings, and the character if it is not the one that `CHARS` has.

"=": `tocode` returns the type string and not the character.
"""

ALIASES = """
FLOAT32_T FLOAT
FLOAT64_T DOUBLE
C_FLOAT_COMPLEX C_COMPLEX
UNSIGNED_INT UNSIGNED
SIGNED_SHORT SHORT
SIGNED_INT INT
SIGNED_LONG LONG
SIGNED_LONG_LONG LONG_LONG
BOOL C_BOOL
SINT8_T INT8_T
SINT16_T INT16_T
SINT32_T INT32_T
SINT64_T INT64_T
F_BOOL LOGICAL
F_INT INTEGER
F_FLOAT REAL
F_DOUBLE DOUBLE_PRECISION
F_COMPLEX COMPLEX
F_FLOAT_COMPLEX COMPLEX
F_DOUBLE_COMPLEX DOUBLE_COMPLEX
TWOINT INT_INT
"""
"""Other names of predefined datatypes, and the names in `BASIC` and `PAIRS` that they stand for."""

PAIRS = ("SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "LONG_DOUBLE")
"""The types of the values in the predefined pairs of a value and an int."""

FIXED = _pairs(
    f"""
    b1 C_BOOL i1 INT8_T i2 INT16_T i4 INT32_T i8 INT64_T u1 UINT8_T u2 UINT16_T u4 UINT32_T u8 UINT64_T
    f2 FLOAT16_T f4 FLOAT f8 DOUBLE f{LONG_DOUBLE} LONG_DOUBLE
    c8 C_COMPLEX c16 C_DOUBLE_COMPLEX c{2 * LONG_DOUBLE} C_LONG_DOUBLE_COMPLEX
    """
)
"""Datatypes by type string."""

C_CODES = FIXED | _pairs(
    """
    ? C_BOOL b SIGNED_CHAR h SHORT i INT l LONG q LONG_LONG
    B UNSIGNED_CHAR H UNSIGNED_SHORT I UNSIGNED L UNSIGNED_LONG Q UNSIGNED_LONG_LONG
    f FLOAT d DOUBLE g LONG_DOUBLE F C_COMPLEX D C_DOUBLE_COMPLEX G C_LONG_DOUBLE_COMPLEX
    """
)
"""Datatypes of C by character or type string."""

CODES = C_CODES | _pairs(
    """
    e FLOAT16_T E COMPLEX4 Ze COMPLEX4 Zf C_COMPLEX Zd C_DOUBLE_COMPLEX Zg C_LONG_DOUBLE_COMPLEX
    i16 INTEGER16 c4 COMPLEX4 n COUNT N UNSIGNED_LONG p AINT P UNSIGNED_LONG
    c CHAR a CHAR S CHAR S1 CHAR s CHAR 1s CHAR U WCHAR U1 WCHAR w WCHAR 1w WCHAR u UINT16_T 1u UINT16_T
    M INT64_T M8 INT64_T m INT64_T m8 INT64_T
    """
)
"""Datatypes by every code that `fromcode` and the specifications of messages understand."""

F_CODES = _pairs(
    """
    l LOGICAL i INTEGER r REAL s REAL d DOUBLE_PRECISION c COMPLEX z DOUBLE_COMPLEX
    l1 LOGICAL1 l2 LOGICAL2 l4 LOGICAL4 l8 LOGICAL8 l16 LOGICAL16
    i1 INTEGER1 i2 INTEGER2 i4 INTEGER4 i8 INTEGER8 i16 INTEGER16
    r2 REAL2 r4 REAL4 r8 REAL8 r16 REAL16 c4 COMPLEX4 c8 COMPLEX8 c16 COMPLEX16 c32 COMPLEX32
    """
)
"""Datatypes of Fortran by a letter for the kind, or a letter and a number of bytes."""
