"""Frames to bytes and back, however the bytes are cut, and whatever they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from strategies import cut

from mpi_actors.errors import BadFrame, FrameTooLarge, ProtocolError
from mpi_actors.ids import JobId
from mpi_actors.wire.frame import HEADER_SIZE, MAX_CHUNK, MAX_FRAME, Frame, FrameDecoder, FrameKind

u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
jobs = st.binary(min_size=8, max_size=8).map(lambda raw: JobId(raw.hex()))
payloads = st.binary(max_size=300) | st.sampled_from([b"", bytes(5000), bytes(MAX_CHUNK)])
frames: SearchStrategy[Frame] = st.builds(
    Frame, st.sampled_from(FrameKind), jobs, u32, u32, u32, u32, u64, u64, u64, payloads, st.booleans()
)
FRAME = Frame(FrameKind.DATA, JobId("00" * 8), 1, 2, 0, 0, payload=b"text")


def encode(frame: Frame) -> bytes:
    return frame.header() + bytes(frame.payload)


@given(st.lists(frames, max_size=5), st.data())
def test_frames_survive_any_cutting(sent: list[Frame], data: st.DataObject) -> None:
    """The same frames in the same order, and nothing left over."""
    decoder = FrameDecoder()
    pieces = data.draw(cut(b"".join(map(encode, sent))))
    assert [frame for piece in pieces for frame in decoder.feed(piece)] == sent
    assert decoder.pending == 0


@given(st.lists(frames | st.binary(max_size=200), max_size=4), st.data())
def test_garbage_is_a_protocol_error_or_no_frame_yet(mixed: list[Frame | bytes], data: st.DataObject) -> None:
    """Nothing else is raised, and the decoder keeps at most one frame and the last read."""
    decoder = FrameDecoder()
    raw = b"".join(encode(part) if isinstance(part, Frame) else part for part in mixed)
    try:
        for piece in data.draw(cut(raw)):
            for frame in decoder.feed(piece):
                assert len(frame.payload) <= MAX_CHUNK
                assert FrameDecoder().feed(encode(frame)) == [frame]
            assert decoder.pending < MAX_FRAME
    except ProtocolError:
        pass


@given(st.integers(0, HEADER_SIZE - 1), st.integers(0, 255))
def test_a_damaged_header_harms_nobody_else(place: int, value: int) -> None:
    """One changed byte gives another frame, an error, or a wait for more: never a crash."""
    raw = bytearray(encode(FRAME))
    raw[place] = value
    try:
        found = FrameDecoder().feed(bytes(raw))
    except ProtocolError:
        return
    assert len(found) <= 1


def test_a_large_frame_is_refused_by_its_header_alone() -> None:
    """The decoder checks the length before it waits for the payload."""
    raw = FRAME.header()[:-4] + struct.pack("<I", MAX_CHUNK + 1)
    with pytest.raises(FrameTooLarge, match=str(MAX_CHUNK)):
        FrameDecoder().feed(raw)


@pytest.mark.parametrize(("place", "value"), [(0, 0), (0, 10), (0, 255), (1, 2), (1, 0x81)])
def test_unknown_kinds_and_flags_are_refused(place: int, value: int) -> None:
    """Only what this version knows is a frame."""
    raw = bytearray(encode(FRAME))
    raw[place] = value
    with pytest.raises(BadFrame, match="unknown kind"):
        FrameDecoder().feed(bytes(raw))
