"""Known bytes of each protocol, written by hand from the layouts in docs/protocols.md.

Other tests encode and decode with the same code, so they do not notice when a layout changes on both sides.
These do. After a change here, `PROTOCOL_VERSION` needs one, too: see RELEASING.md.
"""

from __future__ import annotations

import re

import msgspec
import pytest

from mpi_actors.errors import UnknownJob
from mpi_actors.events import Log, to_json
from mpi_actors.ids import COORDINATOR, JobId
from mpi_actors.wire import control
from mpi_actors.wire.channel import ChannelDecoder, ChannelKind, ChannelMessage
from mpi_actors.wire.choices import ChoicePiece, decode_pieces, encode_pieces
from mpi_actors.wire.codec import ControlDecoder, encode
from mpi_actors.wire.fields import LostRank, StreamPosition
from mpi_actors.wire.frame import Frame, FrameDecoder, FrameKind
from mpi_actors.wire.messages import (
    Accepted,
    AskRank,
    Capacity,
    ChoicesStable,
    ControlMessage,
    Goodbye,
    Hello,
    Placed,
    Placement,
    RankExited,
    RankStderr,
    SealChoices,
    StderrTaken,
)
from mpi_actors.wire.preamble import Preamble, StreamKind

JOB = JobId("0123456789abcdef")
JOB_FIELD = "a3 6a6f62 b0 30313233343536373839616263646566 "
"""The field `job` of a control message: two texts in MessagePack, 21 bytes."""


def raw(text: str) -> bytes:
    """The bytes that a text names in hexadecimal digits; a `#` and what follows in a line is a comment."""
    return bytes.fromhex(re.sub(r"#.*", "", text))


# --- streams ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "byte"), [(StreamKind.CONTROL, "01"), (StreamKind.DATA, "02")])
def test_preamble(kind: StreamKind, byte: str) -> None:
    """A magic word, the version, the kind of stream, and the link's token."""
    known = raw(f"4d504941 0600 {byte} 00  f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    preamble = Preamble(kind, bytes(range(0xF0, 0x100)))
    assert preamble.encode() == known
    assert Preamble.decode(known) == preamble


# --- frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ask", "begin"),
    [
        (FrameKind.DATA, False, "01 00 0000"),
        (FrameKind.DIGEST, False, "02 00 0000"),
        (FrameKind.RESUME, False, "03 00 0000"),
        (FrameKind.RESUME, True, "03 01 0000"),
        (FrameKind.CREDIT, False, "04 00 0000"),
        (FrameKind.TUNNEL_OPEN, False, "05 00 0000"),
        (FrameKind.TUNNEL_DATA, False, "06 00 0000"),
        (FrameKind.TUNNEL_CREDIT, False, "07 00 0000"),
        (FrameKind.TUNNEL_CLOSE, False, "08 00 0000"),
        (FrameKind.CHOICES, False, "09 00 0000"),
    ],
)
def test_frame(kind: FrameKind, ask: bool, begin: str) -> None:
    """All numbers have their place and their width; the coordinator has the largest number of a rank."""
    known = raw(
        begin
        + """
        0123456789abcdef  # job
        04030201 ffffffff  # rank of the source, of the destination
        06000000 08070605  # their incarnations
        1817161514131211  # seq
        2827262524232221  # offset
        3837363534333231  # total
        03020100  # length
        """
    ) + bytes(0x010203)
    frame = Frame(
        kind, JOB, 0x01020304, COORDINATOR, 6, 0x05060708, 0x1112131415161718, 0x2122232425262728,
        0x3132333435363738, bytes(0x010203), ask,
    )  # fmt: skip
    assert frame.header() == known[:56]
    assert FrameDecoder().feed(known) == [frame]


def test_pieces_of_choices() -> None:
    """A header and bytes for each piece."""
    known = raw(
        """
        ff0f0000 02000000  # rank, incarnation
        0500000000000000 0700000000000000  # stable, offset
        03000000 616263  # length, bytes
        """
    )
    pieces = [ChoicePiece(4095, 2, 5, 7, b"abc")]
    assert encode_pieces(pieces) == known
    assert decode_pieces(known) == pieces


# --- control messages -------------------------------------------------------------------------------------

MESSAGES: list[tuple[ControlMessage, str]] = [
    (Accepted(), "01000000 0300  80"),
    (
        Goodbye("bye", retry=False),
        """
        13000000 0400  82
        a6 726561736f6e a3 627965  # reason
        a5 7265747279 c2  # retry
        """,
    ),
    (
        Hello("p", "i", "a", ("x",), Capacity(("echo",), 300, 0, True)),
        """
        7d000000 0200  85
        a4 706f6f6c a1 70  # pool
        a8 696e7374616e6365 a1 69  # instance
        a5 6167656e74 a1 61  # agent
        a9 616464726573736573 91 a1 78  # addresses
        a8 6361706163697479 85  # capacity
          ac 696e74657270726574657273 91 a4 6563686f  # interpreters
          a5 736c6f7473 cd 012c  # slots
          a7 72756e6e696e67 00  # running
          a4 66756c6c c3  # full
          a4 6b696e64 83  # kind
            a9 70726f636573736f72 a0 a6 707974686f6e a0 a5 6e756d7079 a0  # processor, python, numpy
        """,
    ),
    (
        Placed(JOB, Placement(1, 2, "p")),
        f"""
        3b000000 1500  82
        {JOB_FIELD}
        a9 706c6163656d656e74 83  # placement
          a4 72616e6b 01  # rank
          ab 696e6361726e6174696f6e 02  # incarnation
          a4 70656572 a1 70  # peer
        """,
    ),
    (
        AskRank(JOB, 3, 70_000),
        f"""
        2a000000 1800  83
        {JOB_FIELD}
        a4 72616e6b 03  # rank
        a8 7175657374696f6e ce 00011170  # question
        """,
    ),
    (
        SealChoices(JOB, 7, (LostRank(3, 1),)),
        f"""
        37000000 1a00  83
        {JOB_FIELD}
        a5 726f756e64 07  # round
        a4 6c6f7374 91  # lost
          82 a4 72616e6b 03  # rank
          ab 696e6361726e6174696f6e 01  # incarnation
        """,
    ),
    (
        ChoicesStable(JOB, (StreamPosition(3, 1, 300),)),
        f"""
        41000000 1b00  82
        {JOB_FIELD}
        a9 706f736974696f6e73 91  # positions
          83 a4 72616e6b 03  # rank
          ab 696e6361726e6174696f6e 01  # incarnation
          a8 706f736974696f6e cd 012c  # position
        """,
    ),
    (
        RankExited(JOB, 0, 1, False, 130, 5, "lost", "é\n"),
        f"""
        8a000000 2a00  8d
        {JOB_FIELD}
        a4 72616e6b 00  # rank
        ab 696e6361726e6174696f6e 01  # incarnation
        a6 6b696c6c6564 c2  # killed
        a4 636f6465 cc 82  # code
        a7 7265706f727473 05  # reports
        ab 6465736372697074696f6e a4 6c6f7374  # description
        a6 737464657272 a3 c3a90a  # stderr
        a9 7472616365 6261636b a0  # traceback
        a7 61626f72746564 c2  # aborted
        a6 6572726f7273 00  # errors
        a7 63686f69636573 00  # choices
        a6 73696c656e74 c2  # silent
        """,
    ),
    (
        RankStderr(JOB, 0, 1, 7, b"a" * 16_384),
        f"""
        39400000 2c00  85
        {JOB_FIELD}
        a4 72616e6b 00  # rank
        ab 696e6361726e6174696f6e 01  # incarnation
        a6 6f6666736574 07  # offset
        a4 64617461 c5 4000 {"61" * 16_384}  # data
        """,
    ),
    (
        StderrTaken(JOB, 3, 1, 70_000, 5),
        f"""
        3b000000 1d00  85
        {JOB_FIELD}
        a4 72616e6b 03  # rank
        ab 696e6361726e6174696f6e 01  # incarnation
        a5 74616b656e ce 00011170  # taken
        a5 616761696e 05  # again
        """,
    ),
]
"""Messages between any two peers, from a coordinator to a host, and back."""


@pytest.mark.parametrize(
    ("message", "known"), MESSAGES, ids=[type(message).__name__ for message, _ in MESSAGES]
)
def test_control_message(message: ControlMessage, known: str) -> None:
    """A length, a number, and a map of the fields in MessagePack; their order is free."""
    assert ControlDecoder().feed(raw(known)) == [message]
    ours = encode(message)
    assert len(ours) == len(raw(known))
    assert ours[:7] == raw(known)[:7]
    assert msgspec.msgpack.decode(ours[6:]) == msgspec.msgpack.decode(raw(known)[6:])


def test_a_field_with_a_default_may_be_left_out() -> None:
    """A goodbye with nothing but its reason: dialling again may help."""
    known = "0c000000 0400  81 a6 726561736f6e a3 627965"
    assert ControlDecoder().feed(raw(known)) == [Goodbye("bye", retry=True)]


# --- the channel of a rank --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "flag", "begin"),
    [
        (ChannelKind.READY, False, "01 00"),
        (ChannelKind.WANT, False, "02 00"),
        (ChannelKind.CHOICE, False, "03 00"),
        (ChannelKind.ENDED, False, "04 00"),
        (ChannelKind.FAILED, True, "05 01"),
        (ChannelKind.ABORT, False, "06 00"),
        (ChannelKind.BROKE, False, "07 00"),
        (ChannelKind.STATE, False, "08 00"),
        (ChannelKind.TOUCHED, False, "09 00"),
        (ChannelKind.LANE, True, "14 01"),
        (ChannelKind.PLACED, False, "15 00"),
        (ChannelKind.NOTED, False, "16 00"),
        (ChannelKind.ASK, False, "17 00"),
        (ChannelKind.RELEASE, False, "18 00"),
        (ChannelKind.COMPANY, False, "19 00"),
    ],
)
def test_channel_message(kind: ChannelKind, flag: bool, begin: str) -> None:
    """A header of 24 bytes, and a text whose length counts bytes, not characters."""
    known = (
        raw(
            begin
            + """ 0000
        04030201 08070605  # rank, incarnation
        1817161514131211  # number
        03020100  # length
        """
        )
        + b"!\xc3\xa9" * 22_017
    )
    message = ChannelMessage(kind, 0x01020304, 0x05060708, 0x1112131415161718, "!é" * 22_017, flag)
    assert message.encode() == known
    assert ChannelDecoder().feed(known) == [message]


# --- the control protocol ---------------------------------------------------------------------------------


def test_control_request() -> None:
    """A request is an object in JSON, on one line."""
    known = b'{"id": 7, "ask": "why", "job": "01ab", "patience": 1.5}\n'
    assert control.encode_request(7, control.Why(job="01ab", patience=1.5)) == known
    assert control.decode_request(known) == (7, control.Why(job="01ab", patience=1.5))


def test_control_answer() -> None:
    """An answer has the request's id and a value."""
    known = b'{"reply": 7, "value": ["rank 0: r\xc3\xa9ady"]}\n'
    assert control.encode_answer(7, ("rank 0: réady",)) == known
    answer = control.decode_answer(known)
    assert answer.id == 7
    assert control.take_value(answer, control.Why(job="01ab")) == ("rank 0: réady",)


def test_control_error() -> None:
    """An error stands in place of a value, with the name of its class."""
    known = b'{"reply": 7, "error": "UnknownJob", "text": "there is none"}\n'
    assert control.encode_error(7, UnknownJob("there is none")) == known
    error = control.decode_answer(known).error
    assert (type(error), str(error)) == (UnknownJob, "there is none")


def test_event() -> None:
    """An event is an object in JSON with the time, its name and its fields; files of events have the same."""
    known = (
        '{"time": 1.5, "event": "log", "job": "0123456789abcdef", "rank": 0, "text": "hi", "stream": "log", '
        '"ended": true}'
    )
    event = Log(job=JOB, rank=0, text="hi")
    assert to_json(event, 1.5) == known
    assert control.decode_event(known.encode()) == (1.5, event)
