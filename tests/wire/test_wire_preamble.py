"""The first bytes of a stream."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpi_actors.errors import BadPreamble, ProtocolError, VersionMismatch
from mpi_actors.wire.preamble import PREAMBLE_SIZE, PROTOCOL_VERSION, TOKEN_SIZE, Preamble, StreamKind

tokens = st.binary(min_size=TOKEN_SIZE, max_size=TOKEN_SIZE)


@given(st.sampled_from(StreamKind), tokens)
def test_what_is_encoded_is_decoded(kind: StreamKind, token: bytes) -> None:
    """A preamble comes back as it was, and has the size that a reader waits for."""
    preamble = Preamble(kind, token)
    data = preamble.encode()
    assert len(data) == PREAMBLE_SIZE
    assert Preamble.decode(data) == preamble


@given(st.binary(max_size=2 * PREAMBLE_SIZE) | tokens.map(lambda token: b"MPIA\x01\x00" + token + b"\0\0"))
@example(b"")
@example(b"GET / HTTP/1.1\r\nHost: a")
def test_garbage_is_a_protocol_error(data: bytes) -> None:
    """Any bytes are a preamble or a named protocol error."""
    try:
        decoded = Preamble.decode(data)
    except ProtocolError:
        return
    assert Preamble.decode(decoded.encode()) == decoded


@pytest.mark.parametrize("version", [0, PROTOCOL_VERSION + 1, 0xFFFF])
def test_another_version_is_named(version: int) -> None:
    """The error tells a peer of another release from one that speaks something else, and what to do."""
    data = Preamble(StreamKind.DATA, bytes(TOKEN_SIZE), version).encode()
    with pytest.raises(VersionMismatch, match=rf"version {version}, this peer {PROTOCOL_VERSION}.*install"):
        Preamble.decode(data)


@pytest.mark.parametrize("kind", [0, 3, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    """A stream is for control messages or for data, and for nothing else."""
    data = bytearray(Preamble(StreamKind.DATA, bytes(TOKEN_SIZE)).encode())
    data[6] = kind
    with pytest.raises(BadPreamble, match=f"kind {kind}"):
        Preamble.decode(bytes(data))
