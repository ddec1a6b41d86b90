"""Large directories are spread over shards as Kubo does it."""

from __future__ import annotations

from typing import Any

import pytest
from content_harness import VECTORS, Blocks, large_name
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.content.formats import dagpb, hamt, unixfs
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.dagpb import DagLink
from mpi_actors.content.formats.importer import Built, FileBuilder, build_directory
from mpi_actors.content.formats.murmur import murmur64
from mpi_actors.errors import BadBlock, ContentRefused

VERSIONS = pytest.mark.parametrize("version", [0, 1])
FANOUTS = st.sampled_from([8, 16, 32, 64, 128, 256, 512, 1024])
SAME_HASH = ("the-first-name-1", "n\x1e@H:(vz\x04$<wNqC\x14")
"""Made for the purpose."""


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("", 0),
        ("hello", 0xCBD8A7B341BD9B02),
        ("hello, world", 0x342FAC623A5EBC8E),
        ("19 Jan 2038 at 3:14:07 AM", 0xB89E5988B737AFFC),
        ("The quick brown fox jumps over the lazy dog.", 0xCD99481F9EE902C9),
    ],
)
def test_murmur_of_known_texts(text: str, hashed: int) -> None:
    """The hash gives the results for which Kubo's implementation is tested."""
    assert murmur64(text.encode()) == hashed


def large(case: dict[str, Any], version: int, blocks: Blocks) -> Built:
    """Return a known large directory."""
    files = []
    for digit in range(10):
        builder = FileBuilder(blocks.put, cid_version=version)
        builder.add(str(digit).encode())
        files.append(builder.finish())
    entries = {large_name(number, case["width"]): files[number % 10] for number in range(case["n"])}
    return build_directory(entries, blocks.put, cid_version=version)


@VERSIONS
@pytest.mark.parametrize(
    "case", VECTORS["large"]["cases"], ids=lambda case: f"{case['n']}-names-of-{case['width']}"
)
def test_directory_at_the_threshold_and_above(case: dict[str, Any], version: int) -> None:
    """Just below, at and far above the threshold, the identifier is Kubo's, and the sizes add up."""
    blocks = Blocks()
    built = large(case, version, blocks)
    assert str(built.cid) == case[f"v{version}"]
    assert built.size == case["n"]
    assert built.tsize == blocks.stored(built.cid)


def found(blocks: Blocks, cid: Cid, trail: tuple[int, ...] = ()) -> dict[str, tuple[int, ...]]:
    """Return all names below a shard with the positions that lead to them; check each shard."""
    node = dagpb.decode(blocks[cid])
    data = unixfs.decode(node.data)
    assert (data.kind, data.hash_type, data.fanout) == (unixfs.NodeKind.SHARD, hamt.HASH_TYPE, hamt.FANOUT)
    split = [hamt.split_name(link.name) for link in node.links]
    assert tuple(position for position, _ in split) == hamt.decode_positions(data.data)
    names = {}
    for (position, name), link in zip(split, node.links, strict=True):
        if name:
            names[name] = (*trail, position)
        else:
            names |= found(blocks, link.cid, (*trail, position))
    return names


@VERSIONS
def test_shards_hold_every_name_where_its_hash_says(version: int) -> None:
    """The hash of a name leads to it from the root, and the names stand in the order of hashes."""
    case, blocks = VECTORS["large"]["cases"][-1], Blocks()
    names = found(blocks, large(case, version, blocks).cid)
    assert len(names) == case["n"]
    for name, trail in names.items():
        hashed = hamt.hash_of(name)
        assert trail == tuple(hamt.position(hashed, level) for level in range(len(trail)))
    assert list(names) == hamt.in_order(names)
    assert max(map(len, names.values())) > 2


def test_is_sharded_counts_bytes() -> None:
    """The threshold counts bytes of names and identifiers, which are longer in version 1."""
    exact = {f"{number:04}é".ljust(93, "-") for number in range(2048)}
    assert all(len(name.encode()) == 94 for name in exact)
    assert hamt.is_sharded(exact, 0)
    assert not hamt.is_sharded(sorted(exact)[1:], 0)
    assert hamt.is_sharded(sorted(exact)[30:], 1)
    assert not hamt.is_sharded(sorted(exact)[50:], 1)


@given(st.integers(0, 2**64 - 1), FANOUTS)
def test_positions_are_the_bits_of_the_hash(hashed: int, fanout: int) -> None:
    """The positions of all levels together are the first bits of the hash."""
    bits = hamt.bits_of(fanout)
    text = f"{hashed:064b}"
    for level in range(64 // bits):
        assert hamt.position(hashed, level, fanout) == int(text[level * bits : (level + 1) * bits], 2)
    with pytest.raises(BadBlock, match="levels"):
        hamt.position(hashed, 64 // bits, fanout)


@given(st.data(), FANOUTS)
def test_bit_field_round_trip(data: st.DataObject, fanout: int) -> None:
    """Positions are read as they were written, with or without zeros at the beginning."""
    taken = data.draw(st.sets(st.integers(0, fanout - 1)))
    field = hamt.encode_positions(taken)
    assert not field.startswith(b"\0")
    assert hamt.decode_positions(field, fanout) == tuple(sorted(taken))
    assert hamt.decode_positions(field.rjust(fanout // 8, b"\0"), fanout) == tuple(sorted(taken))
    with pytest.raises(BadBlock):
        hamt.decode_positions(b"\0" * (fanout // 8 + 1), fanout)


@given(st.data(), FANOUTS, st.text())
def test_split_name(data: st.DataObject, fanout: int, name: str) -> None:
    """A link's name is the position, with as many digits as the largest one has, and the entry's name."""
    position = data.draw(st.integers(0, fanout - 1))
    digits = {8: 1, 16: 1, 32: 2, 64: 2, 128: 2, 256: 2, 512: 3, 1024: 3}[fanout]
    assert hamt.split_name(f"{position:0{digits}X}{name}", fanout) == (position, name)


@pytest.mark.parametrize("name", ["", "A", "ffx", "G0x", "+1x", " 1x", "0_1", "-1x", "٠٠x"])
def test_split_name_that_has_no_position(name: str) -> None:
    """A beginning that is not two digits as they are written here is refused."""
    with pytest.raises(BadBlock):
        hamt.split_name(name)


@pytest.mark.parametrize(("name", "fanout"), [("80x", 128), ("9x", 8), ("400x", 1024)])
def test_split_name_that_is_out_of_range(name: str, fanout: int) -> None:
    """A position that the shard does not have is refused."""
    with pytest.raises(BadBlock):
        hamt.split_name(name, fanout)


@pytest.mark.parametrize("fanout", [0, 1, 4, 7, 255, 2048, 2**63])
def test_fanout_that_cannot_be(fanout: int) -> None:
    """The number of positions is a power of two within limits."""
    with pytest.raises(BadBlock):
        hamt.bits_of(fanout)


def test_names_with_the_same_hash_are_refused() -> None:
    """Two names with one hash are refused: no number of levels would tell them apart."""
    one, other = SAME_HASH
    assert hamt.hash_of(one) == hamt.hash_of(other)
    links = [DagLink(Cid.of(b""), name) for name in ("a", *SAME_HASH)]
    with pytest.raises(ContentRefused, match="the-first-name-1"):
        hamt.build(links, lambda node: pytest.fail("nothing is made"))
