"""Control messages to bytes and back: every class, however the bytes are cut, and whatever they are."""

from __future__ import annotations

import struct
import tracemalloc
from typing import Any, get_args

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import control_messages, cut

from mpi_actors.errors import BadMessage, FrameTooLarge, ProtocolError, UsageError
from mpi_actors.ids import MAX_RANKS
from mpi_actors.wire.codec import MAX_CONTROL, ControlDecoder, encode
from mpi_actors.wire.fields import MAX_ARGUMENTS, MAX_TEXT, check_arguments
from mpi_actors.wire.messages import (
    REGISTRY,
    Capacity,
    ControlMessage,
    EndJob,
    Goodbye,
    KnownPeers,
    PeerAddress,
    Ping,
    Placement,
    RankExited,
    RankState,
    StartRank,
)

JOB = "0123456789abcdef"
START = StartRank(JOB, 0, 0, 1, "echo", (), (Placement(0, 0, "peer"),))


def raw(number: int, body: Any, length: int | None = None) -> bytes:
    """A message as the wire has it, with any body and any length."""
    data = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
    return struct.pack("<IH", len(data) if length is None else length, number) + data


def fields(message: Any, **changes: Any) -> dict[str, Any]:
    """The fields of a message as the wire has them, some of them changed."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=dict[str, Any]) | changes


def test_every_message_has_a_number_and_is_in_the_union() -> None:
    """No message class can be declared and then not be sent."""
    assert set(REGISTRY.values()) == set(get_args(ControlMessage))


@pytest.mark.parametrize("number", sorted(REGISTRY), ids=lambda number: REGISTRY[number].__name__)
def test_each_class_is_decoded_as_it_was(number: int) -> None:
    """Whatever a message holds within its limits comes back."""

    @given(control_messages([REGISTRY[number]]))
    def check(message: ControlMessage) -> None:
        assert ControlDecoder().feed(encode(message)) == [message]

    check()


@given(st.lists(control_messages(), max_size=6), st.data())
def test_messages_survive_any_cutting(sent: list[ControlMessage], data: st.DataObject) -> None:
    """The same messages in the same order."""
    decoder = ControlDecoder()
    pieces = data.draw(cut(b"".join(map(encode, sent))))
    assert [message for piece in pieces for message in decoder.feed(piece)] == sent


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
numbers = st.sampled_from(sorted(REGISTRY))
bodies = st.binary(max_size=80) | values.map(msgspec.msgpack.encode)


@given(st.lists(st.builds(raw, numbers, bodies) | st.binary(max_size=60), max_size=4), st.data())
def test_garbage_is_a_protocol_error_or_not_yet_a_message(parts: list[bytes], data: st.DataObject) -> None:
    """Nothing else is raised; whatever decodes as a message is one that we could have sent."""
    decoder = ControlDecoder()
    try:
        for piece in data.draw(cut(b"".join(parts))):
            for message in decoder.feed(piece):
                assert ControlDecoder().feed(encode(message)) == [message]
    except ProtocolError:
        pass


@given(control_messages(), st.data())
def test_a_wrong_field_is_a_bad_message(message: Any, data: st.DataObject) -> None:
    """A field that is missing, or of another type, is refused with the message's name."""
    right = fields(message)
    if not right:
        return
    name = data.draw(st.sampled_from(sorted(right)))
    wrong = dict(right)
    if data.draw(st.booleans()):
        wrong[name] = data.draw(values.filter(lambda value: type(value) is not type(right[name])))
    elif attrs.fields_dict(type(message))[name].default is attrs.NOTHING:
        del wrong[name]
    else:
        wrong[name] = 1.5 if isinstance(right[name], bytes) else b"\xff"
    number = next(number for number, cls in REGISTRY.items() if cls is type(message))
    with pytest.raises(BadMessage, match=type(message).__name__):
        ControlDecoder().feed(raw(number, wrong))


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (5, {"nonce": -1}),
        (5, {"nonce": 2**63}),
        (5, {"nonce": "1"}),
        (5, {"nonce": 1.5}),
        (23, {"job": JOB.upper()}),
        (23, {"job": JOB + "\n"}),
        (23, {"job": JOB + "0"}),
        (20, fields(START, rank=MAX_RANKS)),
        (20, fields(START, size=0)),
        (20, fields(START, size=MAX_RANKS + 1)),
        (20, fields(START, program="p" * 256)),
        (20, fields(START, args=["a" * (MAX_TEXT + 1)])),
        (20, fields(START, args="a")),
        (20, fields(START, placements=[fields(Placement(0, 0, "peer"))] * (MAX_RANKS + 1))),
        (20, fields(START, placements=[fields(Placement(0, 0, "peer"), rank=2**32 - 1)])),
        (42, fields(RankExited(JOB, 0, 0, False, 0, 0, "", ""), code=256)),
        (7, {"peers": [{"peer": "p", "addresses": ["a"] * 33}]}),
        (7, {"peers": [{"peer": "p", "addresses": ["a" * 513]}]}),
        (7, {"peers": [{"peer": "p", "addresses": []}] * 1025}),
        (1, {"interpreters": ["i"] * 10_001}),
    ],
)
def test_values_outside_their_limits_are_refused(number: int, body: dict[str, Any]) -> None:
    """Each limit of the message types is checked on the way in."""
    with pytest.raises(BadMessage, match=REGISTRY[number].__name__):
        ControlDecoder().feed(raw(number, body))


@pytest.mark.parametrize("number", [0, 9, 19, 59, 0xFFFF])
def test_an_unknown_number_is_refused_at_once(number: int) -> None:
    """The decoder does not wait for the body."""
    with pytest.raises(BadMessage, match=f"unknown number {number}"):
        ControlDecoder().feed(raw(number, b"", length=1000))


def test_a_large_message_is_refused_by_its_header_alone() -> None:
    """The decoder checks the length before it waits for the body."""
    with pytest.raises(FrameTooLarge, match=str(MAX_CONTROL)):
        ControlDecoder().feed(raw(5, b"", length=MAX_CONTROL + 1))


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1x", b"\xdc\x00\x01"], ids=["list", "map", "long"])
@pytest.mark.parametrize("place", ["whole", "unknown field"])
def test_deep_nesting_is_a_bad_message(opening: bytes, place: str) -> None:
    """A body that is nested as deep as it is long does not exhaust the stack."""
    deep = opening * (MAX_CONTROL // len(opening) - 100) + b"\xc0"
    body = deep if place == "whole" else b"\x82\xa1y" + deep + b"\xa5nonce\x01"
    with pytest.raises(BadMessage, match="Ping"):
        ControlDecoder().feed(raw(5, body))


@pytest.mark.parametrize("claim", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff"])
def test_a_claimed_length_allocates_nothing(claim: bytes) -> None:
    """The decoder refuses a list, map or text that claims four billion elements, and makes no room for
    them."""
    body = b"\x81\xacinterpreters" + claim
    tracemalloc.start()
    try:
        with pytest.raises(BadMessage, match="Capacity"):
            ControlDecoder().feed(raw(1, body))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_unknown_fields_pass() -> None:
    """A later release may send more."""
    assert ControlDecoder().feed(raw(5, {"nonce": 7, "mood": ["good"]})) == [Ping(7)]


@pytest.mark.parametrize(
    "message",
    [
        KnownPeers((PeerAddress("p" * 255, ("a" * 512,) * 32),) * 1024),
        Capacity(("é" * 255,) * 10_000),
        Goodbye("\ud800"),
        RankState(JOB, 0, 0, 0, "\udcff"),
    ],
    ids=["peers", "interpreters", "half a character", "a byte that is not text"],
)
def test_what_cannot_be_sent_is_named(message: ControlMessage) -> None:
    """A message that is too large, or whose text is not Unicode, is a named error at the sender."""
    with pytest.raises(BadMessage, match=type(message).__name__):
        encode(message)


@given(st.lists(st.text(max_size=20) | st.just("é" * MAX_TEXT), max_size=20))
@settings(max_examples=20)
def test_arguments_that_are_taken_can_be_sent(args: list[str]) -> None:
    """Arguments that pass the check reach the hosts of even the largest job."""
    places = tuple(Placement(rank, 2**32 - 1, "p" * 100) for rank in range(MAX_RANKS))
    try:
        check_arguments(args)
    except UsageError:
        return
    order = StartRank(JOB, 0, 0, MAX_RANKS, "echo", tuple(args), places)
    assert ControlDecoder().feed(encode(order)) == [order]


@pytest.mark.parametrize(
    "args",
    [
        ["a" * (MAX_TEXT + 1)],
        ["a" * 60_000] * (MAX_ARGUMENTS // 60_000 + 1),
        [""] * (MAX_TEXT + 1),
        ["\udcff"],
    ],
    ids=["one too long", "too long in all", "too many", "no text"],
)
def test_arguments_that_cannot_be_sent_are_refused(args: list[str]) -> None:
    """The person who starts a job sees the error; no peer loses its link over it."""
    with pytest.raises(UsageError, match="argument"):
        check_arguments(args)


def test_nothing_lingers_after_a_whole_message() -> None:
    """A decoder that has had only whole messages keeps nothing."""
    decoder = ControlDecoder()
    assert decoder.feed(encode(EndJob(JOB)) + encode(Ping(1))[:4]) == [EndJob(JOB)]
    assert decoder.feed(encode(Ping(1))[4:]) == [Ping(1)]
