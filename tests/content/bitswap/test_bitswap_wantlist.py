"""What one peer wants of us, without tasks and clocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.content.bitswap.wantlist import Wantlist, look_up
from mpi_actors.content.formats.bitswap import AnyCid, Want
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.errors import ContentMissing, StoreDamaged

KEPT = {data: Cid.of(data) for data in (b"a", b"b", b"c")}
NAMES: list[AnyCid] = [*KEPT.values(), Cid.of(b"a", Codec.RAW, 1), Cid.of(b"absent"), b"strange"]


class Blocks:
    """Blocks in memory, one of which cannot be read."""

    def __init__(self, *data: bytes, broken: Cid | None = None) -> None:
        self._data = {Cid.of(each).digest: each for each in data}
        self._broken = broken

    def has(self, cid: Cid) -> bool:
        """Whether it is here."""
        return cid.digest in self._data

    def get(self, cid: Cid) -> bytes:
        """The block."""
        if cid == self._broken:
            raise StoreDamaged("on purpose")
        if cid.digest not in self._data:
            raise ContentMissing("it went meanwhile")
        return self._data[cid.digest]


WANTS = st.lists(
    st.builds(
        Want,
        st.sampled_from(NAMES),
        cancel=st.booleans(),
        have=st.booleans(),
        send_dont_have=st.booleans(),
    ),
    max_size=6,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("update"), WANTS, st.booleans()),
        st.tuples(st.just("answer"), st.sets(st.sampled_from(list(KEPT))), st.none()),
        st.tuples(st.just("have"), st.sampled_from(list(KEPT)), st.none()),
        st.tuples(st.just("expire"), st.integers(0, 20), st.none()),
    ),
    max_size=30,
)


@given(STEPS)
def test_wants_are_kept_until_they_are_answered(steps: list[tuple[str, object, object]]) -> None:
    """However it is used, the list agrees with a simple model, and keeps to its limit."""
    wants, limit = Wantlist(5, 10), 5
    model: dict[AnyCid, Want] = {}
    for now, (step, first, second) in enumerate(steps):
        match step, first:
            case "update", list(new):
                wants.update(new, full=bool(second))
                model = {} if second else model
                for want in new:
                    model.pop(want.cid, None)
                    if not want.cancel:
                        model[want.cid] = want
            case "answer", set(here):
                answers = look_up(Blocks(*here), wants.first(), 1 << 20)
                wants.settle(answers, now)
                for want in answers.answered:
                    assert model.pop(want.cid) is want
                assert not wants.ready
            case "have", bytes(data):
                wants.on_block_stored(KEPT[data])
            case "expire", int(later):
                wants.expire(now + later)
        assert len(wants) <= min(limit, len(model))
        assert all(model[want.cid] is want for want in wants.first())


def test_a_block_that_comes_while_it_is_looked_up_is_sent() -> None:
    """A block that comes after a thread looked, and before it said so, is looked up again."""
    wants = Wantlist(10, 10)
    wants.update([Want(KEPT[b"a"])])
    answers = look_up(Blocks(), wants.first(), 1000)
    wants.on_block_stored(KEPT[b"a"])
    wants.settle(answers, 0)
    assert wants.ready
    answers = look_up(Blocks(b"a"), wants.first(), 1000)
    assert [block.data for block in answers.blocks] == [b"a"]


def test_what_is_cancelled_while_it_is_looked_up_stays_so() -> None:
    """The answer to a want that was replaced meanwhile does not settle the new want."""
    wants = Wantlist(10, 10)
    old, new = Want(KEPT[b"a"], have=True), Want(KEPT[b"a"])
    wants.update([old])
    answers = look_up(Blocks(b"a"), wants.first(), 1000)
    wants.update([new])
    wants.settle(answers, 0)
    assert wants.first() == [new]


def test_answers_keep_to_a_size() -> None:
    """Blocks are read until there are enough bytes; the rest is for the next time."""
    data = [bytes([number]) * 100 for number in range(5)]
    answers = look_up(Blocks(*data), [Want(Cid.of(each)) for each in data], 201)
    assert [block.data for block in answers.blocks] == data[:3]
    assert len(answers.answered) == 3


def test_a_block_that_cannot_be_read_is_not_there() -> None:
    """A block that cannot be read does not end the exchange with all peers."""
    broken, good = KEPT[b"a"], KEPT[b"b"]
    answers = look_up(
        Blocks(b"a", b"b", broken=broken), [Want(broken, send_dont_have=True), Want(good)], 1000
    )
    assert [(each.cid, each.have) for each in answers.presences] == [(broken, False)]
    assert [block.data for block in answers.blocks] == [b"b"]
