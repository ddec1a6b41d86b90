"""Dead letters are counted in bounded memory."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.actors import DeadLetters
from mpi_actors.actors.dead_letters import OTHERS

LETTERS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([1, "x", b"y"]), st.sampled_from(["full", "closed"]))
)


@given(LETTERS)
def test_counts_by_address_type_and_reason(letters: list[tuple[str, object, str]]) -> None:
    """Each (address, type, reason) has its own exact count, and they add up to the total."""
    dead = DeadLetters()
    for letter in letters:
        dead.record(*letter)
    expected = Counter((address, type(message).__name__, reason) for address, message, reason in letters)
    report = dead.report()
    assert expected == {(c.address, c.kind, c.reason): c.count for c in report.counts}
    assert len(letters) == report.total == dead.total


@given(LETTERS, st.integers(1, 5), st.integers(1, 5))
def test_memory_is_bounded(letters: list[tuple[str, object, str]], keep: int, max_keys: int) -> None:
    """However many keys there are, only `max_keys` are counted apart, and each letter is counted."""
    dead = DeadLetters(keep=keep, max_keys=max_keys)
    for letter in letters:
        dead.record(*letter)
    report = dead.report()
    assert len(report.counts) <= max_keys + 1
    assert len(letters) == sum(count.count for count in report.counts)
    assert min(keep, len(letters)) == len(report.recent)
    assert [letter[0] for letter in letters[-keep:]] == [letter.address for letter in report.recent]


def test_what_comes_after_the_last_key_shares_one_count() -> None:
    """The count for all further keys has the name `OTHERS`."""
    dead = DeadLetters(max_keys=1)
    for address in "abc":
        dead.record(address, 1, "full")
    assert [(count.address, count.count) for count in dead.report().counts] == [(OTHERS, 2), ("a", 1)]


def test_messages_are_numbered_and_not_kept() -> None:
    """The last letters have their numbers; no reference to a message is kept."""
    dead = DeadLetters(keep=2)
    for message in (b"1", b"2", b"3"):
        dead.record("a", message, "full")
    assert [(seen.number, seen.kind) for seen in dead.report().recent] == [(2, "bytes"), (3, "bytes")]
