"""Known bytes of what MPI ranks say on a lane, written by hand from the layout in docs/protocols.md.

After a change here, `LANE_VERSION` and `PROTOCOL_VERSION` need one, too: see RELEASING.md.
"""

from __future__ import annotations

import re

import pytest

from mpi_actors.errors import BadFrame
from mpi_actors.mpi.engine import frames
from mpi_actors.mpi.engine.frames import HEADER, MARK, StreamHello, control, decode_hello, hello_frame
from mpi_actors.mpi.engine.marks import Marked
from mpi_actors.replay.sequence import digest

EIGHT_BYTES = "0000000000000000"


def raw(text: str) -> bytes:
    """The bytes that a text names in hexadecimal digits; a `#` and what follows in a line is a comment."""
    return bytes.fromhex(re.sub(r"#.*", "", text))


@pytest.mark.parametrize(
    ("kind", "byte"),
    [
        (frames.DATA, "01"),
        (frames.ANNOUNCE, "02"),
        (frames.BODY, "04"),
        (frames.DIGEST, "06"),
    ],
    ids=["DATA", "ANNOUNCE", "BODY", "DIGEST"],
)
def test_header_of_a_message(kind: int, byte: str) -> None:
    """The tag has a sign; all other numbers have none."""
    known = raw(
        byte
        + """ 05 0100  # note, flags
        feffffff  # tag
        8877665544332211  # context
        1817161514131211  # seq
        2827262524232221  # length
        """
    )
    fields = (kind, 5, frames.SYNC, -2, 0x1122334455667788, 0x1112131415161718, 0x2122232425262728)
    assert HEADER.pack(*fields) == known
    assert HEADER.unpack(known) == fields


@pytest.mark.parametrize(
    ("kind", "byte"),
    [
        (frames.PULL, "03"),
        (frames.MATCHED, "05"),
        (frames.CREDIT, "07"),
        (frames.BYE, "09"),
        (frames.CHECK, "0a"),
        (frames.CHECKED, "0b"),
    ],
    ids=["PULL", "MATCHED", "CREDIT", "BYE", "CHECK", "CHECKED"],
)
def test_header_without_an_envelope(kind: int, byte: str) -> None:
    """Only the message's number and a length matter; the rest is 0."""
    known = raw(f"{byte} 00 0000 00000000 {EIGHT_BYTES} 1817161514131211 0300000000000000")
    assert control(kind, 0x1112131415161718, 3) == known


def test_what_a_digest_says() -> None:
    """The mark, and the size of the message."""
    known = raw("000102030405060708090a0b0c0d0e0f 2827262524232221")
    assert MARK.pack(bytes(range(16)), 0x2122232425262728) == known
    assert (frames.SYNC, frames.AHEAD) == (1, 2)


def test_the_mark_covers_header_and_payload() -> None:
    """It is that of the whole frame of a message, in one piece or in several."""
    frame = HEADER.pack(frames.DATA, 5, frames.SYNC, -2, 4, 9, 3) + b"abc"
    marked = Marked(5, frames.SYNC, -2, 4, 3)
    assert marked.mark(9, b"abc") == marked.mark(9, (b"a", memoryview(b"bc"))) == digest(frame)


def test_greeting() -> None:
    """Who the sender is, and what it has: all messages below a number, and some more."""
    known = raw(
        f"""
        08 00 0000 00000000 {EIGHT_BYTES} {EIGHT_BYTES} 2e00000000000000  # the header: 46 bytes follow
        0200  # version
        0123456789abcdef  # job
        03000000 02000000  # rank, incarnation
        0201000000000000  # all below 258 are here
        02000000  # and 2 more:
        0901000000000000 0000000000010000
        """
    )
    hello = StreamHello(bytes.fromhex("0123456789abcdef"), 3, 2, 258, (265, 2**40))
    assert hello.encode() == known
    assert decode_hello(known[32:]) == hello
    assert hello_frame(hello.job, 3, 2, 258, {2**40, 265}) == known


GREETING = StreamHello(bytes(8), 1, 0, 0, (7,)).encode()[frames.HEADER_SIZE :]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "only 0 bytes"),
        (GREETING[:29], "only 29 bytes"),
        (GREETING[:-1], "wrong length"),
        (GREETING + b"\0", "wrong length"),
        (GREETING[:26] + b"\xff\xff\xff\xff" + GREETING[30:], "wrong length"),
        (b"\3\0" + GREETING[2:], "version 3, not 2: install the same release"),
    ],
    ids=["nothing", "short", "a byte less", "a byte more", "count", "version"],
)
def test_what_is_no_greeting_is_refused(body: bytes, text: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(BadFrame, match=text):
        decode_hello(body)
