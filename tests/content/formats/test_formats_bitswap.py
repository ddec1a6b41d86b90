"""Bitswap messages are read as they were written, and strangers' messages cost no more than they should."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.bitswap.pb import bitswap_pb2

from mpi_actors.content.formats import bitswap, protobuf
from mpi_actors.content.formats.bitswap import BitswapMessage, Block, Decoder, Presence, Want
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.limits import MAX_BLOCK
from mpi_actors.errors import BadMessage

CIDS = st.builds(
    lambda data, kind: Cid.of(data, *kind),
    st.binary(max_size=4),
    st.sampled_from([(Codec.DAG_PB, 0), (Codec.DAG_PB, 1), (Codec.RAW, 1)]),
)
STRANGE = st.just(bytes.fromhex("01710312") + bytes(20))
ANY_CID = st.one_of(CIDS, STRANGE)
WANTS = st.builds(
    Want,
    ANY_CID,
    st.integers(-(2**31), 2**31 - 1),
    cancel=st.booleans(),
    have=st.booleans(),
    send_dont_have=st.booleans(),
)
MESSAGES = st.builds(
    BitswapMessage,
    wants=st.lists(WANTS, max_size=4),
    full=st.booleans(),
    blocks=st.lists(st.builds(Block, CIDS.map(lambda cid: cid.prefix), st.binary(max_size=300)), max_size=4),
    presences=st.lists(st.builds(Presence, ANY_CID, st.booleans()), max_size=4),
    pending_bytes=st.integers(0, 2**31 - 1),
)
A = Cid.of(b"a")


def plain(message: BitswapMessage) -> BitswapMessage:
    """Return the same with bytes for views, so that two messages can be compared."""
    return BitswapMessage(
        wants=list(message.wants),
        full=message.full,
        blocks=[Block(block.prefix, bytes(block.data)) for block in message.blocks],
        presences=list(message.presences),
        pending_bytes=message.pending_bytes,
    )


def framed(body: bytes) -> bytes:
    """Return a message's bytes behind their length."""
    return protobuf.encode_varint(len(body)) + body


@given(st.lists(MESSAGES, max_size=4), st.data())
def test_messages_come_out_as_they_went_in(messages: list[BitswapMessage], data: st.DataObject) -> None:
    """However a stream is cut into pieces, it gives the messages that were sent, each as soon as it ends."""
    whole = b"".join(bitswap.encode(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    decoder = Decoder()
    found: list[BitswapMessage] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += decoder.feed(whole[start:end])
    assert list(map(plain, found)) == list(map(plain, messages))
    assert not decoder.midway
    assert decoder.held == 0


@given(MESSAGES)
def test_others_read_what_we_write(message: BitswapMessage) -> None:
    """Google's reader, with the published fields, finds the same in a message of ours."""
    whole = bitswap.encode(message)
    size, start = protobuf.decode_varint(whole)
    assert size == len(whole) - start
    theirs = bitswap_pb2.Message.FromString(whole[start:])
    assert theirs.wantlist.full == message.full
    assert [
        (entry.block, entry.priority, entry.cancel, entry.wantType, entry.sendDontHave)
        for entry in theirs.wantlist.entries
    ] == [
        (raw(want.cid), want.priority, want.cancel, int(want.have), want.send_dont_have)
        for want in message.wants
    ]
    assert [(block.prefix, block.data) for block in theirs.payload] == [
        (block.prefix, block.data) for block in message.blocks
    ]
    assert [(each.cid, each.type) for each in theirs.blockPresences] == [
        (raw(each.cid), int(not each.have)) for each in message.presences
    ]
    assert theirs.pendingBytes == message.pending_bytes


@given(MESSAGES)
def test_we_read_what_others_write(message: BitswapMessage) -> None:
    """We read the same message in what Google's writer makes of it."""
    theirs = bitswap_pb2.Message.FromString(bitswap.encode(message)[len(encoded_length(message)) :])
    assert plain(bitswap.decode(theirs.SerializeToString())) == plain(message)


def encoded_length(message: BitswapMessage) -> bytes:
    """Return the bytes of the length in front of a message."""
    whole = bitswap.encode(message)
    return whole[: protobuf.decode_varint(whole)[1]]


def raw(cid: Cid | bytes) -> bytes:
    """Return an identifier's bytes."""
    return cid.raw if isinstance(cid, Cid) else cid


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_one_error(data: bytes) -> None:
    """Whatever a stranger sends, only BadMessage is raised."""
    with contextlib.suppress(BadMessage):
        Decoder().feed(data)


def test_a_version_0_block_has_a_prefix_that_ipfs_takes() -> None:
    """A block of version 0 has a whole prefix: IPFS would not find its identifier without one."""
    whole = bitswap.encode(BitswapMessage(blocks=[Block(A.prefix, b"a")]))
    assert whole == framed(bytes.fromhex("1a09 0a04 00701220 1201 61"))


def test_blocks_of_version_1_0_0_are_read() -> None:
    """Old peers send blocks without prefixes."""
    (message,) = Decoder().feed(framed(protobuf.encode_bytes(2, b"data")))
    assert plain(message).blocks == [Block(A.prefix, b"data")]


def test_a_length_over_the_limit_is_refused_at_once() -> None:
    """Of a message whose length is over the limit, no bytes are kept."""
    decoder = Decoder()
    with pytest.raises(BadMessage, match="too long"):
        decoder.feed(protobuf.encode_varint(bitswap.MAX_MESSAGE + 1))


@pytest.mark.parametrize("data", [b"\xff" * 4, b"\x80" * 4, b"\xff" * 10])
def test_a_length_without_end_is_refused(data: bytes) -> None:
    """A length of too many bytes is refused, however it is cut into pieces."""
    decoder = Decoder()
    for byte in data[:3]:
        assert decoder.feed(bytes([byte])) == []
    with pytest.raises(BadMessage, match="too long"):
        decoder.feed(data[3:])


def test_what_is_held_is_what_came() -> None:
    """Only the bytes that have come take memory, not those that a length promises."""
    decoder = Decoder()
    assert decoder.feed(protobuf.encode_varint(bitswap.MAX_MESSAGE)) == []
    assert (decoder.midway, decoder.held) == (True, 0)
    decoder.feed(bytes(1000))
    assert decoder.held == 1000


@pytest.mark.parametrize("wrap", range(3))
def test_many_empty_fields_are_refused(wrap: int) -> None:
    """A message of very many parts is refused: to read it would keep others waiting."""
    body = protobuf.encode_number(9, 1) * 100_000
    for _ in range(wrap):
        body = protobuf.encode_bytes(1, body)
    with pytest.raises(BadMessage, match="too many fields"):
        Decoder().feed(framed(body))


def test_too_many_wants_are_passed_over() -> None:
    """As in IPFS, wants beyond a number are passed over."""
    whole = bitswap.encode(
        BitswapMessage(wants=[Want(A, number) for number in range(bitswap.MAX_WANTS + 10)])
    )
    (message,) = Decoder().feed(whole)
    assert [want.priority for want in message.wants] == list(range(bitswap.MAX_WANTS))


@pytest.mark.parametrize(
    "body",
    [
        protobuf.encode_bytes(3, protobuf.encode_bytes(2, bytes(MAX_BLOCK + 1))),
        protobuf.encode_bytes(3, b"") * (bitswap.MAX_BLOCKS + 1),
        protobuf.encode_number(3, 7),
        protobuf.encode_number(1, 7),
        protobuf.encode_bytes(5, b"x"),
        protobuf.encode_bytes(3, protobuf.encode_bytes(1, bytes(1000))),
        protobuf.encode_bytes(1, protobuf.encode_bytes(1, protobuf.encode_bytes(1, bytes(1000)))),
        protobuf.encode_bytes(1, protobuf.encode_bytes(1, protobuf.encode_bytes(2, b"x"))),
        b"\x0a\x7f",
        b"\x07",
    ],
    ids=[
        "large-block",
        "many-blocks",
        "block-is-number",
        "wantlist-is-number",
        "number-is-bytes",
        "long-prefix",
        "long-cid",
        "priority-is-bytes",
        "cut-off",
        "kind",
    ],
)
def test_nonsense_is_refused(body: bytes) -> None:
    """A message that breaks a rule is refused with BadMessage."""
    with pytest.raises(BadMessage):
        Decoder().feed(framed(body))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda cid: protobuf.encode_bytes(1, protobuf.encode_bytes(1, protobuf.encode_bytes(1, cid))),
        lambda cid: protobuf.encode_bytes(4, protobuf.encode_bytes(1, cid)),
    ],
    ids=["want", "presence"],
)
@pytest.mark.parametrize("cid", [b"", bytes.fromhex("0155000461626364"), b"\x01\x71\x12\x20" + bytes(32)])
def test_unknown_identifiers_are_passed_on(wrap: Callable[[bytes], bytes], cid: bytes) -> None:
    """An identifier of a kind that is not used here comes out as its bytes."""
    (message,) = Decoder().feed(framed(wrap(cid)))
    wants, presences = [want.cid for want in message.wants], [presence.cid for presence in message.presences]
    assert wants + presences == [cid]


def test_wants_are_in_the_order_of_their_urgency() -> None:
    """The first want has the highest priority, by which IPFS sorts."""
    cids = [Cid.of(bytes([number])) for number in range(3)]
    assert bitswap.asking(cids) == tuple(
        Want(cid, priority, send_dont_have=True) for cid, priority in zip(cids, (3, 2, 1), strict=True)
    )
    assert all(want.cancel and not want.send_dont_have for want in bitswap.asking(cids, cancel=True))
