"""The tree as people see it."""

from __future__ import annotations

from collections import Counter

import trio

from mpi_actors.actors import ChildSpec, DeadLetters, Mailbox, Supervisor
from mpi_actors.cli.text.tree import dropped_lines, tree_lines


async def idle(_: Mailbox[object]) -> None:
    await trio.sleep_forever()


async def test_a_tree_is_shown_with_what_is_below() -> None:
    """Each actor has a line; those of a nested supervisor are indented, and unread messages are counted."""
    inner = Supervisor("inner", children=[ChildSpec(id="leaf", run=idle)])
    box: Mailbox[object] = Mailbox("actor")
    outer = Supervisor("outer", children=[inner.as_child(), ChildSpec(id="actor", run=idle, mailbox=box)])
    async with trio.open_nursery() as nursery:
        await nursery.start(outer.run)
        box.post("unread")
        assert list(tree_lines(outer.snapshot())) == [
            "outer (one for one)",
            "  inner: running",
            "    leaf: running",
            "  actor: running, 1 messages unread",
        ]
        outer.stop()


def test_what_was_dropped_is_counted_by_reason() -> None:
    """Dead letters, frames and errors have a total each, and the most frequent reasons come first."""
    letters = DeadLetters()
    letters.record("job 1", 7, "no such job here")
    lines = list(dropped_lines(letters.report(), Counter(early=1, fenced=2), {}))
    assert lines == [
        "dead letters: 1",
        "  1 int to job 1: no such job here",
        "data frames dropped: 3",
        "  2 fenced",
        "  1 early",
        "protocol errors of others: 0",
    ]
