"""Nodes, the data of files and directories in them, and the encoding of both."""

from __future__ import annotations

import contextlib

import pytest
from content_harness import CIDS
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.content.formats import dagpb, protobuf, unixfs
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.dagpb import DagLink, DagNode
from mpi_actors.content.formats.unixfs import Data, NodeKind
from mpi_actors.errors import BadBlock

NUMBERS = st.integers(0, 2**64 - 1)
LINKS = st.builds(DagLink, CIDS, st.text(max_size=10), NUMBERS)
NODES = st.builds(DagNode, st.lists(LINKS, max_size=4).map(tuple), st.binary(max_size=50))
DATA = st.builds(
    Data,
    kind=st.sampled_from(NodeKind),
    data=st.binary(max_size=20),
    has_data=st.just(True),
    filesize=st.none() | NUMBERS,
    blocksizes=st.lists(NUMBERS, max_size=4).map(tuple),
    hash_type=st.none() | NUMBERS,
    fanout=st.none() | NUMBERS,
)
CID = Cid.of(b"")


@given(NUMBERS, st.binary(max_size=3))
def test_varint_round_trip(number: int, after: bytes) -> None:
    """A number is read as it was written, up to the position where it ends."""
    encoded = protobuf.encode_varint(number)
    assert protobuf.decode_varint(encoded + after) == (number, len(encoded))


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x02"])
def test_varint_that_is_none(raw: bytes) -> None:
    """A number that is cut off, or larger than 64 bits, is refused."""
    with pytest.raises(BadBlock):
        protobuf.decode_varint(raw)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_varint_of_what_is_no_number(number: int) -> None:
    """Only unsigned numbers of 64 bits can be written."""
    with pytest.raises(ValueError, match="unsigned"):
        protobuf.encode_varint(number)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("02", id="field-0"),
        pytest.param("0a05ff", id="cut-off"),
        pytest.param("0aff", id="length-cut-off"),
        pytest.param("0b", id="group"),
        pytest.param("0900", id="fixed-cut-off"),
        pytest.param("0affffffffffffffff7f", id="huge-length"),
    ],
)
def test_fields_that_make_no_sense(raw: str) -> None:
    """A damaged message is refused, and no memory is taken for what its lengths promise."""
    with pytest.raises(BadBlock):
        list(protobuf.fields(bytes.fromhex(raw)))


def test_fields_of_fixed_size_are_passed_over() -> None:
    """Fields of wire types that are not used here do not hide the others."""
    raw = bytes.fromhex("09 0102030405060708 0d 01020304 1005")
    assert list(protobuf.fields(raw)) == [(2, 5)]


@pytest.mark.parametrize(
    ("block", "node"),
    [
        pytest.param("0a020801", DagNode(data=b"\x08\x01"), id="empty-directory"),
        pytest.param(
            f"12290a22{CID.raw.hex()}1201611807" + "0a020801",
            DagNode((DagLink(CID, "a", 7),), b"\x08\x01"),
            id="one-entry",
        ),
    ],
)
def test_node_bytes(block: str, node: DagNode) -> None:
    """Nodes are written canonically: links first, and all fields of a link, even an empty name."""
    assert dagpb.encode(node).hex() == block
    assert dagpb.decode(bytes.fromhex(block)) == node


@given(NODES)
def test_node_round_trip(node: DagNode) -> None:
    """A node is read as it was written."""
    decoded = dagpb.decode(dagpb.encode(node))
    assert decoded.links == node.links
    assert bytes(decoded.data) == node.data


@given(DATA)
def test_unixfs_round_trip(data: Data) -> None:
    """The data of a file or directory is read as it was written."""
    assert unixfs.decode(unixfs.encode(data)) == data


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (Data(kind=NodeKind.FILE, filesize=0), "0802 1800"),
        (Data(kind=NodeKind.FILE, data=b"a", filesize=1), "0802 120161 1801"),
        (Data(kind=NodeKind.FILE, filesize=300, blocksizes=(44, 256)), "0802 18ac02 202c 208002"),
        (Data(kind=NodeKind.SHARD, data=b"\x05", hash_type=34, fanout=256), "0805 120105 2822 308002"),
        (Data(kind=NodeKind.SYMLINK, data="é".encode()), "0804 1202c3a9"),
    ],
)
def test_unixfs_bytes(data: Data, raw: str) -> None:
    """The fields stand in the order of their numbers, and an empty file has a size of 0."""
    assert unixfs.encode(data) == bytes.fromhex(raw)


def test_unixfs_of_others() -> None:
    """Packed lists of sizes, and modes and times, are understood or passed over."""
    raw = bytes.fromhex("0802 1806 2202 0204 38ed03 420308fa01")
    assert unixfs.decode(raw) == Data(kind=NodeKind.FILE, filesize=6, blocksizes=(2, 4))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="nothing"),
        pytest.param("1201ff", id="no-kind"),
        pytest.param("0807", id="unknown-kind"),
        pytest.param("08010801", id="kind-twice"),
        pytest.param("0a0101", id="kind-of-bytes"),
        pytest.param("08021007", id="data-a-number"),
        pytest.param("08021a0107", id="size-of-bytes"),
        pytest.param("0802220180", id="packed-cut-off"),
    ],
)
def test_unixfs_that_makes_no_sense(raw: str) -> None:
    """Damaged or ambiguous data is refused."""
    with pytest.raises(BadBlock):
        unixfs.decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("0a000a00", id="data-twice"),
        pytest.param("0801", id="data-a-number"),
        pytest.param("1a00", id="unknown-field"),
        pytest.param("1200", id="link-nowhere"),
        pytest.param("12040a020801", id="link-no-cid"),
        pytest.param(f"12240a22{CID.raw.hex()}"[:-2], id="link-cut-off"),
        pytest.param(f"12270a22{CID.raw.hex()}1201ff", id="name-not-utf-8"),
        pytest.param(f"12480a22{CID.raw.hex()}0a22{CID.raw.hex()}", id="cid-twice"),
    ],
)
def test_node_that_makes_no_sense(raw: str) -> None:
    """A damaged or ambiguous node is refused."""
    with pytest.raises(BadBlock):
        dagpb.decode(bytes.fromhex(raw))


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_by_name(raw: bytes) -> None:
    """A stranger's bytes are understood, or refused with BadBlock and nothing else."""
    for decode in (dagpb.decode, unixfs.decode):
        with contextlib.suppress(BadBlock):
            decode(raw)


@given(NODES.filter(lambda node: bool(node.data)), st.data())
def test_cut_off_node_is_not_the_same(node: DagNode, data: st.DataObject) -> None:
    """A block without its end is refused, or means something else."""
    block = dagpb.encode(node)
    cut = block[: data.draw(st.integers(0, len(block) - 1))]
    with contextlib.suppress(BadBlock):
        assert dagpb.decode(cut) != dagpb.decode(block)


def test_more_pieces_than_a_block_has_room_for_are_refused() -> None:
    """A stranger's block of nothing but sizes is refused before it takes long."""
    with pytest.raises(BadBlock, match="pieces"):
        unixfs.decode(b"\x08\x02" + b"\x20\x01" * 1_000_000)
