"""What `tree` shows: the supervision tree, and what the peer dropped or refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...actors import ChildSnapshot, DeadLetterReport, SupervisorSnapshot
from .tables import one_line

_MAX_REASONS = 20
"""Lines of each list of reasons: the rare ones say little."""


def tree_lines(snapshot: SupervisorSnapshot) -> Iterator[str]:
    """Yield the lines of a supervision tree: one for each actor, indented below its supervisor."""
    yield f"{snapshot.name} ({snapshot.strategy})"
    yield from _below(snapshot, "  ")


def dropped_lines(
    letters: DeadLetterReport, frames: Mapping[str, int], errors: Mapping[str, int]
) -> Iterator[str]:
    """Yield the lines that count dropped messages and protocol errors, the most frequent reason first.

    Args:
        letters: messages that no actor took.
        frames: data frames that the router dropped, by reason.
        errors: protocol errors of other peers, by kind.
    """
    yield f"dead letters: {letters.total}"
    for count in letters.counts[:_MAX_REASONS]:
        yield f"  {count.count} {count.kind} to {count.address}: {count.reason}"
    for title, counts in (("data frames dropped", frames), ("protocol errors of others", errors)):
        yield f"{title}: {sum(counts.values())}"
        for reason, number in sorted(counts.items(), key=lambda item: -item[1])[:_MAX_REASONS]:
            yield f"  {number} {reason}"


def _below(snapshot: SupervisorSnapshot, indent: str) -> Iterator[str]:
    for child in snapshot.children:
        yield indent + _describe(child)
        if child.nested is not None:
            yield from _below(child.nested, indent + "  ")


def _describe(child: ChildSnapshot) -> str:
    text = f"{child.id}: {child.state.value}"
    if child.restarts:
        text += f", restarted {child.restarts} times"
    waiting = child.mailbox.data + child.mailbox.control
    if waiting:
        text += f", {waiting} messages unread"
    if child.last_error:
        text += f", failed last with {one_line(child.last_error)}"
    return text
