"""The world rank that a point-to-point call means: checks of ranks and tags, and PROC_NULL.

`Send`, `Recv`, `send` and `recv` check the common case themselves, because they must be fast, and come here
for all others.
"""

from __future__ import annotations

from ...constants import ANY_SOURCE, ANY_TAG, ERR_RANK, ERR_TAG, GREATEST_TAG, PROC_NULL
from ...errors.exception import Exception as MPIException
from ...status import Status
from ..handle import CommHandle

NOBODY = PROC_NULL
"""Stands in place of a world rank when the program gave PROC_NULL (MPI 4.1, section 3.11)."""


class Point(CommHandle):
    """Checks that all point-to-point methods use. MPI 4.1, sections 3.2.3, 3.2.4 and 3.11."""

    __slots__ = ()

    def _dest(self, dest: int, tag: int) -> int:
        """Return the world rank to send to, or NOBODY.

        Raises:
            MPI.Exception: ERR_COMM for a null communicator, ERR_TAG, ERR_RANK.
        """
        state = self._h
        if 0 <= dest < state.count and 0 <= tag <= GREATEST_TAG:
            return state.peers[dest]
        state = self._live()
        if not 0 <= tag <= GREATEST_TAG:
            raise MPIException(ERR_TAG, f"tag {tag} is not in 0..{GREATEST_TAG}")
        if dest == PROC_NULL:
            return NOBODY
        raise MPIException(ERR_RANK, f"no destination {dest} among {state.count} ranks")

    def _source(self, source: int, tag: int) -> int:
        """Return the world rank to receive from, ANY_SOURCE, or NOBODY.

        ANY_SOURCE is no choice where only one process can send: in a communicator of one process, and in an
        intercommunicator whose remote group has one. There it means that process. (Not with two processes: a
        process can send to itself, also from another thread while this one waits.)

        Raises:
            MPI.Exception: ERR_COMM for a null communicator, ERR_TAG, ERR_RANK.
        """
        state = self._h
        if 0 <= source < state.count and -1 <= tag <= GREATEST_TAG:
            return state.peers[source]
        state = self._live()
        if not ANY_TAG <= tag <= GREATEST_TAG:
            raise MPIException(ERR_TAG, f"tag {tag} is neither ANY_TAG nor in 0..{GREATEST_TAG}")
        if source == ANY_SOURCE:
            return state.peers[0] if state.count == 1 else ANY_SOURCE
        if source == PROC_NULL:
            return NOBODY
        raise MPIException(ERR_RANK, f"no source {source} among {state.count} ranks")


def nothing_received(status: Status | None) -> None:
    """Set a status to what the standard says of a receive from PROC_NULL."""
    if status is not None:
        status._set(PROC_NULL, ANY_TAG, 0, 0, False)
