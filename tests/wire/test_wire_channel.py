"""The channel of a rank: messages to bytes and back, however the bytes are cut, and whatever they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cut

from mpi_actors.errors import BadMessage, FrameTooLarge, ProtocolError
from mpi_actors.wire.channel import HEADER_SIZE, MAX_TEXT, ChannelDecoder, ChannelKind, ChannelMessage

u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
texts = st.text(max_size=100) | st.sampled_from(["", "é" * 5000, "a" * MAX_TEXT])
messages = st.builds(ChannelMessage, st.sampled_from(ChannelKind), u32, u32, u64, texts, st.booleans())

WANT = ChannelMessage(ChannelKind.WANT, 1)


def header(length: int, kind: int = 1, flag: int = 0) -> bytes:
    """A header that announces a text of that length."""
    return struct.pack("<BBxxIIQI", kind, flag, 0, 0, 0, length)


@given(st.lists(messages, max_size=5), st.data())
def test_messages_survive_any_cutting(sent: list[ChannelMessage], data: st.DataObject) -> None:
    """The same messages in the same order."""
    decoder = ChannelDecoder()
    pieces = data.draw(cut(b"".join(message.encode() for message in sent)))
    assert [message for piece in pieces for message in decoder.feed(piece)] == sent


def test_a_message_comes_with_its_last_byte() -> None:
    """Not before; and nothing of it lingers."""
    decoder = ChannelDecoder()
    first, second = ChannelMessage(ChannelKind.CHOICE, text="ANY_SOURCE").encode(), WANT.encode()
    assert decoder.feed(first[:-1]) == []
    assert [message.text for message in decoder.feed(first[-1:] + second[:5])] == ["ANY_SOURCE"]
    assert decoder.feed(second[5:]) == [WANT]
    assert decoder.feed(b"") == []


@given(st.lists(messages | st.binary(max_size=100), max_size=4), st.data())
def test_garbage_is_a_protocol_error_or_no_message_yet(
    mixed: list[ChannelMessage | bytes], data: st.DataObject
) -> None:
    """Nothing else is raised; whatever decodes as a message is one that could have been sent."""
    decoder = ChannelDecoder()
    whole = b"".join(part.encode() if isinstance(part, ChannelMessage) else part for part in mixed)
    try:
        for piece in data.draw(cut(whole)):
            for message in decoder.feed(piece):
                assert ChannelDecoder().feed(message.encode()) == [message]
    except ProtocolError:
        pass


@pytest.mark.parametrize("kind", [0, 19, 26, 255])
def test_an_unknown_kind_is_refused_at_once(kind: int) -> None:
    """The decoder does not wait for the text."""
    with pytest.raises(BadMessage, match=f"unknown kind {kind}"):
        ChannelDecoder().feed(header(1000, kind))


@pytest.mark.parametrize("flag", [2, 0x81, 255])
def test_an_unknown_flag_is_refused_at_once(flag: int) -> None:
    """The flag is 0 or 1."""
    with pytest.raises(BadMessage, match=f"flag {flag}"):
        ChannelDecoder().feed(header(1000, 1, flag))


@pytest.mark.parametrize("length", [MAX_TEXT + 1, 2**32 - 1])
def test_a_large_text_is_refused_by_its_header_alone(length: int) -> None:
    """The decoder checks the length before it waits for the text."""
    with pytest.raises(FrameTooLarge, match=str(MAX_TEXT)):
        ChannelDecoder().feed(header(length))


def test_the_longest_text_passes() -> None:
    """The limit itself is allowed."""
    decoder = ChannelDecoder()
    assert decoder.feed(header(MAX_TEXT)) == []
    assert [len(message.text) for message in decoder.feed(b"a" * MAX_TEXT)] == [MAX_TEXT]


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80"], ids=["byte", "half", "surrogate"])
def test_a_text_that_is_not_utf8_is_refused(text: bytes) -> None:
    """The daemon shows such texts to people and sends them on."""
    with pytest.raises(BadMessage, match="UTF-8"):
        ChannelDecoder().feed(header(len(text)) + text)


@pytest.mark.parametrize("letter", ["a", "é", "€", "😀"])
@pytest.mark.parametrize("over", [1, 2, 3, 1000])
def test_a_text_that_is_too_long_keeps_its_end(letter: str, over: int) -> None:
    """A traceback says at its end what failed. No character is cut in two."""
    text = letter * (MAX_TEXT // len(letter.encode()) + over) + "end"
    [message] = ChannelDecoder().feed(ChannelMessage(ChannelKind.FAILED, text=text).encode())
    assert text.endswith(message.text)
    assert MAX_TEXT - 3 <= len(message.text.encode()) <= MAX_TEXT


def test_a_text_that_is_not_unicode_is_sent_nevertheless() -> None:
    """A program's traceback may hold a lone surrogate, which is escaped, as Python itself shows it."""
    [message] = ChannelDecoder().feed(ChannelMessage(ChannelKind.FAILED, text="a\udcffb").encode())
    assert message.text == "a\\udcffb"


def test_a_message_without_a_text_is_a_header() -> None:
    """Small messages are small."""
    assert len(WANT.encode()) == HEADER_SIZE
