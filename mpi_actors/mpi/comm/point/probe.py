"""Probes: which messages have arrived and are not received; `Mprobe` also takes one out for its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ...constants import ANY_SOURCE, ANY_TAG
from ..errors import handled
from .message import MESSAGE_NO_PROC, Message
from .ranks import NOBODY, Point, nothing_received

if TYPE_CHECKING:
    from ...engine import Envelope, Matched
    from ...status import Status


class Probes(Point):
    """Probe, Iprobe, Mprobe, Improbe, and the same names in lower case. MPI 4.1, sections 3.8.1 and 3.8.2."""

    __slots__ = ()

    @handled
    def Probe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Literal[True]:
        """Wait until a message can be received. The status gets its source, tag and length."""
        world = self._source(source, tag)
        if world == NOBODY:
            nothing_received(status)
        else:
            state = self._h
            self._describe(state.engine.probe(world, state.context, tag), status)
        return True

    @handled
    def Iprobe(self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None) -> bool:
        """Whether a message can be received now. If so, the status gets its source, tag and length."""
        world = self._source(source, tag)
        if world == NOBODY:
            nothing_received(status)
            return True
        state = self._h
        found = state.engine.iprobe(world, state.context, tag)
        if found is None:
            return False
        self._describe(found, status)
        return True

    @handled
    def Mprobe(self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None) -> Message:
        """Wait for a message and take it out of the queues, so that no other call receives it."""
        world = self._source(source, tag)
        if world == NOBODY:
            nothing_received(status)
            return Message(MESSAGE_NO_PROC)
        state = self._h
        matched = state.engine.mprobe(world, state.context, tag)
        self._describe(matched, status)
        return Message._of_matched(matched, state)

    @handled
    def Improbe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Message | None:
        """Take a message out of the queues if one can be received now. Return None otherwise."""
        world = self._source(source, tag)
        if world == NOBODY:
            nothing_received(status)
            return Message(MESSAGE_NO_PROC)
        state = self._h
        matched = state.engine.improbe(world, state.context, tag)
        if matched is None:
            return None
        self._describe(matched, status)
        return Message._of_matched(matched, state)

    probe = Probe
    iprobe = Iprobe
    mprobe = Mprobe
    improbe = Improbe

    def _describe(self, found: Envelope | Matched, status: Status | None) -> None:
        if status is not None:
            status._set(self._h.index[found.source], found.tag, 0, found.count, False)
