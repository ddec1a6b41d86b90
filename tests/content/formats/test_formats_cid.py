"""Content identifiers and paths, as text and as bytes."""

from __future__ import annotations

import hashlib

import multibase
import pytest
from content_harness import CIDS
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.content.formats.cid import Cid, Codec, parse_prefix
from mpi_actors.content.formats.path import ContentPath, flaw_of_entry
from mpi_actors.errors import BadCid

EMPTY_V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
"""The empty directory."""
EMPTY_V1 = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
EMPTY_BLOCK = bytes.fromhex("0a020801")
RAW = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
"""No bytes at all."""


def test_cid_of_known_blocks() -> None:
    """The identifiers of well-known blocks are the ones that everybody uses."""
    assert str(Cid.of(EMPTY_BLOCK)) == EMPTY_V0
    assert str(Cid.of(EMPTY_BLOCK, version=1)) == EMPTY_V1
    assert str(Cid.of(b"", Codec.RAW, 1)) == RAW


@given(CIDS)
def test_cid_survives_text_and_bytes(cid: Cid) -> None:
    """An identifier is the same after being written and read, as text, as bytes and as a prefix."""
    assert Cid.parse(str(cid)) == cid
    assert Cid.from_bytes(cid.raw) == cid
    assert parse_prefix(cid.prefix) == (cid.version, cid.codec)
    assert hash(Cid.parse(str(cid))) == hash(cid)


@given(
    CIDS.filter(lambda cid: cid.version == 1),
    st.sampled_from(["base16", "base32", "base32upper", "base58btc"]),
)
def test_cid_in_other_bases(cid: Cid, base: str) -> None:
    """An identifier of version 1 is understood in the other bases that are in use."""
    assert Cid.parse(multibase.encode(base, cid.raw).decode()) == cid


def in_base32(raw: bytes) -> str:
    """Return bytes as identifiers of version 1 are usually written."""
    return str(multibase.encode("base32", raw).decode())


@given(st.text(max_size=70))
def test_cid_of_any_text_is_refused_by_name(text: str) -> None:
    """A text that is not an identifier is refused with BadCid and nothing else."""
    with pytest.raises(BadCid):
        Cid.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(EMPTY_V0[:-1], id="cut-off"),
        pytest.param(EMPTY_V0 + "a", id="too-long"),
        pytest.param(EMPTY_V0[:-1] + "0", id="no-base58"),
        pytest.param(EMPTY_V1[:-2], id="v1-cut-off"),
        pytest.param("z" + EMPTY_V0, id="v0-in-a-base"),
        pytest.param(" " + EMPTY_V0, id="space"),
        pytest.param("b" + "a" * 10_000, id="huge"),
        pytest.param("k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8", id="ipns-key"),
        pytest.param(in_base32(b"\x01\x55\x13\x40" + hashlib.sha512(b"").digest()), id="sha-512"),
        pytest.param(in_base32(b"\x01\x71\x12\x20" + hashlib.sha256(b"").digest()), id="dag-cbor"),
        pytest.param(in_base32(b"\x02\x70\x12\x20" + hashlib.sha256(b"").digest()), id="version-2"),
    ],
)
def test_cid_of_other_kinds_is_refused(text: str) -> None:
    """Identifiers that are damaged, or of a kind that is not used here, are refused."""
    with pytest.raises(BadCid):
        Cid.parse(text)


@given(st.binary(max_size=40))
def test_cid_of_any_bytes(raw: bytes) -> None:
    """Bytes are an identifier that is written with the same bytes, or they are refused with BadCid."""
    try:
        cid = Cid.from_bytes(raw)
    except BadCid:
        return
    assert cid.raw == raw


def test_cid_that_cannot_be() -> None:
    """No identifier of version 0 can be made for plain bytes, and none with another kind of digest."""
    for codec, size, version in ((Codec.RAW, 32, 0), (Codec.DAG_PB, 31, 0), (Codec.DAG_PB, 32, 2)):
        with pytest.raises(ValueError, match="no CID"):
            Cid(codec, bytes(size), version)


def test_cid_matches_its_block_only() -> None:
    """A block is compared with its identifier, whatever version that has."""
    for text in (EMPTY_V0, EMPTY_V1):
        assert Cid.parse(text).matches(EMPTY_BLOCK)
        assert not Cid.parse(text).matches(EMPTY_BLOCK + b"\0")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (EMPTY_V0, ()),
        (f"{EMPTY_V0}/", ()),
        (f"{EMPTY_V0}/é x/b", ("é x", "b")),
        (f"/ipfs/{EMPTY_V0}/a/", ("a",)),
        (f"ipfs://{EMPTY_V0}/a", ("a",)),
        (f"ipfs://{EMPTY_V0}", ()),
    ],
)
def test_path_is_parsed(text: str, names: tuple[str, ...]) -> None:
    """A path is an identifier and names below it, with or without the usual marks of IPFS."""
    path = ContentPath.parse(text)
    assert path == ContentPath(Cid.parse(EMPTY_V0), names)
    assert ContentPath.parse(str(path)) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "/ipfs/", "store", "x" * 5000),
        *(f"{EMPTY_V0}/../x", f"{EMPTY_V0}//x", f"/ipns/{EMPTY_V0}", f"{EMPTY_V0}/\0"),
    ],
)
def test_path_that_is_none(text: str) -> None:
    """A text that is not a path, or whose names lead upwards, is refused."""
    with pytest.raises(BadCid):
        ContentPath.parse(text)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "\0", "a\0", "é" * 128, "\udcff"])
def test_flaw_of_entry_is_found(name: str) -> None:
    """For a name that no file may have, the reason is returned."""
    assert flaw_of_entry(name) is not None


@pytest.mark.parametrize("name", ["a", "...", ".hidden", "a b", "é" * 127, "\n", "\\"])
def test_flaw_of_entry_is_not_found(name: str) -> None:
    """Names that a file may have are accepted, however odd."""
    assert flaw_of_entry(name) is None
