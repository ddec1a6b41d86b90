"""What `tree` shows: the supervision tree, and what was dropped or turned away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...actors import ChildSnapshot, DeadLetterReport, SupervisorSnapshot
from .tables import one_line

_MOST = 20


def tree_lines(snapshot: SupervisorSnapshot) -> Iterator[str]:
    """A supervision tree, a line for each actor, those below indented."""
    yield f"{snapshot.name} ({snapshot.strategy})"
    yield from _below(snapshot, "  ")


def dropped_lines(
    letters: DeadLetterReport, frames: Mapping[str, int], errors: Mapping[str, int]
) -> Iterator[str]:
    """What could not be delivered, and who was turned away, counted; the most frequent first."""
    yield f"dead letters: {letters.total}"
    for count in letters.counts[:_MOST]:
        yield f"  {count.count} {count.kind} to {count.address}: {count.reason}"
    for title, counts in (("data frames dropped", frames), ("protocol errors of others", errors)):
        yield f"{title}: {sum(counts.values())}"
        for reason, number in sorted(counts.items(), key=lambda item: -item[1])[:_MOST]:
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
