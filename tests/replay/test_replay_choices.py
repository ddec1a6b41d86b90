"""What choices say comes out of their bytes as it went in, and bytes that say nothing are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadChoices
from mpi_actors.replay.choices import (
    CANCEL,
    INDEX,
    NO,
    SET,
    YES,
    ChoiceAnswer,
    ChoiceEncoder,
    Recorded,
    parse,
)

RANKS = st.integers(0, 70) | st.integers(0, 1 << 20)
NUMBERS = st.integers(0, 70) | st.integers(0, 1 << 40)
SETS = st.sets(st.integers(0, 200), min_size=1, max_size=40).map(lambda found: tuple(sorted(found)))
ANSWERS = st.one_of(
    st.builds(ChoiceAnswer, st.just(NO), NUMBERS.map(lambda count: count + 1), st.just(())),
    st.builds(ChoiceAnswer, st.just(YES), RANKS, st.just(())),
    st.builds(ChoiceAnswer, st.just(INDEX), NUMBERS, st.just(())),
    SETS.map(lambda found: ChoiceAnswer(SET, len(found), found)),
)
CHOICES = st.lists(
    st.one_of(
        ANSWERS,
        st.tuples(st.just("source"), RANKS),
        st.tuples(st.just("cancel"), st.booleans()),
        st.tuples(st.just("look"), st.integers(0, 15), st.integers(-(1 << 62), 1 << 62)),
        st.tuples(st.just("skip"), st.integers(-3, 40)),
    ),
    max_size=60,
)
"""Answers, and steps by which a rank makes other choices: its receives get ordinals that go up and down."""


def write(choices: list[object], encoder: ChoiceEncoder, said: Recorded, free: list[int]) -> list[bytes]:
    """The records of some choices; `said` becomes what they say, `free` is the ordinal to go on with."""
    records = []
    for choice in choices:
        match choice:
            case ChoiceAnswer(kind, value, more):
                said.answers.append(choice)
                match kind:
                    case 0:
                        records.append(encoder.no(value))
                    case 3:
                        records.append(encoder.yes(value - 1))
                    case 4:
                        records.append(encoder.index(value))
                    case _:
                        records.append(encoder.some(more))
            case ("source", int(source)):
                while free[0] < 0 or free[0] in said.sources:
                    free[0] += 1
                said.sources[free[0]] = source
                records.append(encoder.source(free[0], source))
                free[0] += 1
            case ("cancel", bool(withdrawn)):
                ordinal = 1_000_000 + len(said.answers)
                said.answers.append(ChoiceAnswer(CANCEL, int(withdrawn), (ordinal,)))
                records.append(encoder.cancel(ordinal, withdrawn))
            case ("look", int(number), int(now)):
                said.clocks.setdefault(number, []).append(now)
                records.append(encoder.clock(number, now))
            case ("skip", int(step)):
                free[0] += step
    return records


def nothing() -> Recorded:
    """The choices of an empty stream."""
    return Recorded({}, frozenset(), [], {})


def assert_says(stream: bytes, said: Recorded) -> Recorded:
    """A stream says this, whatever the next ordinal is."""
    found = parse(stream)
    gone = {answer.more[0] for answer in said.answers if answer.kind == CANCEL and answer.value}
    assert found._replace(expected=0) == said._replace(withdrawn=frozenset(gone))
    return found


@given(first=CHOICES, then=CHOICES)
def test_choices_come_back(first: list[object], then: list[object]) -> None:
    """Also when a second incarnation goes on with the stream, knowing only its bytes."""
    said, free = nothing(), [0]
    stream = b"".join(write(first, ChoiceEncoder(), said, free))
    encoder = ChoiceEncoder(assert_says(stream, said))
    stream += b"".join(write(then, encoder, said, free))
    assert_says(stream, said)


@given(choices=CHOICES, data=st.data())
def test_a_stream_cut_between_records_is_one(choices: list[object], data: st.DataObject) -> None:
    """A prefix of whole records says what was chosen first; a cut inside a record is refused."""
    records = write(choices, ChoiceEncoder(), nothing(), [0])
    whole = data.draw(st.integers(0, len(records)))
    stream = b"".join(records[:whole])
    parse(stream)
    if whole < len(records):
        for end in range(1, len(records[whole])):
            with pytest.raises(BadChoices, match="cut in the middle of a record"):
                parse(stream + records[whole][:end])


@given(st.binary(max_size=60))
def test_any_bytes_are_choices_or_refused(stream: bytes) -> None:
    """By the named error and no other; and what is understood is within reason."""
    try:
        recorded = parse(stream)
    except BadChoices:
        return
    assert len(recorded.answers) + len(recorded.sources) <= len(stream)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x00", "no record begins with 0x00"),
        (bytes(100), "byte 0 of a rank's choices"),
        (b"\xf0\x01", "no record begins with 0xf0"),
        (b"\xc2\x01", "no record begins with 0xc2"),
        (b"\x61\x3f" + b"\xff" * 20, "a number does not end"),
        (b"\x21\x42\x05\x41\x00", "matches a second time"),
        (b"\x41\x00", "matches a second time"),
        (b"\x21\xc1\x00", "receive 0 was cancelled, and that it matched"),
    ],
)
def test_what_is_refused(stream: bytes, words: str) -> None:
    """Memory that was never written, kinds of a later version, and contradictions."""
    with pytest.raises(BadChoices, match=words):
        parse(stream)


def test_the_bytes_are_those_of_the_format() -> None:
    """Another release reads them, so they do not change unseen."""
    encoder = ChoiceEncoder()
    records = [
        (encoder.source(0, 5), "25"),
        (encoder.source(1, 31), "3f 00"),
        (encoder.source(4, 2), "44 02"),
        (encoder.source(2, 2), "45 02"),
        (encoder.no(1), "01"),
        (encoder.no(300), "1f 8d 02"),
        (encoder.yes(), "60"),
        (encoder.yes(3), "64"),
        (encoder.index(7), "87"),
        (encoder.some([1, 2, 9]), "a3 01 00 06"),
        (encoder.cancel(3, True), "c1 03"),
        (encoder.cancel(200, False), "c0 c8 01"),
        (encoder.clock(2, 1000), "e2 d0 0f"),
        (encoder.clock(2, 999), "e2 01"),
    ]
    assert [record.hex(" ") for record, _ in records] == [text for _, text in records]
    parse(b"".join(record for record, _ in records))


@pytest.mark.parametrize("source", range(40))
def test_most_sources_take_a_byte(source: int) -> None:
    """Those of the first 31 ranks, in the order of the receives."""
    encoder = ChoiceEncoder()
    assert len(encoder.source(0, source)) == (1 if source < 31 else 2)
