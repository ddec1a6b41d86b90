"""How communicators come from others: states of duplicates, parts and pairs. Nothing here sends a message."""

from __future__ import annotations

from ...constants import ERR_GROUP
from ...errors.exception import Exception as MPIException
from .. import kinds
from ..context import derive
from ..state import CommState


def make(parent: CommState, context: int, members: tuple[int, ...]) -> CommState:
    """Make an intracommunicator of these world ranks. It inherits its parent's error handler."""
    state = CommState(kinds.INTRA)
    state.attach(parent.engine, context, members)
    state.errhandler = parent.errhandler
    return state


def make_inter(
    parent: CommState, context: int, members: tuple[int, ...], remote: tuple[int, ...]
) -> CommState:
    """Make an intercommunicator. Its local group is also an intracommunicator, for the library's own use."""
    state = CommState(kinds.INTER)
    state.attach(parent.engine, context, members, remote)
    state.errhandler = parent.errhandler
    state.low = members < remote
    state.local = make(parent, derive(context, "local", members), members)
    return state


def duplicate(state: CommState, what: str = "dup") -> CommState:
    """Make a communicator of the same groups and topology in a context of its own, without attributes."""
    context = state.child_context(what)
    if state.remote is None:
        copy = make(state, context, state.members)
    else:
        copy = make_inter(state, context, state.members, state.remote)
    copy.cls = state.cls
    copy.topology = state.topology
    copy.info = dict(state.info)
    return copy


def part(state: CommState, context: int, members: tuple[int, ...]) -> CommState | None:
    """Make an intracommunicator of some members. Return None if this process is not one of them."""
    if state.engine.rank not in members:
        return None
    return make(state, context, members)


def subset(state: CommState, members: tuple[int, ...]) -> tuple[int, ...]:
    """Return these world ranks after a check that all of them are in the local group.

    Raises:
        MPI.Exception: ERR_GROUP, if one is not.
    """
    if not set(members) <= set(state.members):
        raise MPIException(ERR_GROUP, "a member of the group is not in the communicator")
    return members


def union(state: CommState) -> tuple[int, ...]:
    """World ranks of all members; of an intercommunicator both groups, in the same order on both sides."""
    if state.remote is None:
        return state.members
    return state.members + state.remote if state.low else state.remote + state.members
