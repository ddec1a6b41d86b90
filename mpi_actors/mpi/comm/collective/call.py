"""The ways in which a communicator does a collective operation: now, by a request, again and again.

A plan is a function of a communicator's state and the arguments of the call. It checks and parses them, and
returns what builds this rank's schedule; what can be wrong with a call is found before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.schedule import Schedule
from ...errors.exception import Exception as MPIException
from ...requests.request import Prequest, Request
from ..errors import raised
from ..handle import CommHandle
from ..state import CommState

if TYPE_CHECKING:
    from ...engine import Transfer

Build = Callable[[], Schedule]
"""Makes the schedule of one execution; what is sent is packed when it is called."""

Plan = Callable[..., Build]

Reducer = Callable[[memoryview, memoryview], None]


class Combine(NamedTuple):
    """An operation on elements of a datatype, as builders want it: the last three of their arguments."""

    reducer_for: Callable[[int], Reducer]
    itemsize: int
    divisible: bool


def everybody(state: CommState) -> tuple[int, ...]:
    """World ranks of the members of a schedule: the local group, then the remote one if there is one."""
    return state.members if state.remote is None else state.members + state.remote


def execute(state: CommState, schedule: Schedule) -> None:
    """Do a schedule as the communicator's next collective operation."""
    tag = state.collective_tag()
    if not schedule.rounds:
        return
    members = state.members if state.remote is None else everybody(state)
    done = state.engine.run(schedule, state.context + 1, tag, members)
    if done.error:
        raise MPIException(done.error)


def begin(state: CommState, schedule: Schedule) -> Transfer:
    """Start a schedule as the communicator's next collective operation."""
    return state.engine.start(schedule, state.context + 1, state.collective_tag(), everybody(state))


class CollectiveCalls(CommHandle):
    """How the methods of a communicator carry out a plan."""

    __slots__ = ()

    def _run(self, plan: Plan, *arguments: Any) -> None:
        try:
            state = self._live()
            execute(state, plan(state, *arguments)())
        except MPIException as error:
            raised(self, error)

    def _start(self, plan: Plan, *arguments: Any) -> Request:
        try:
            state = self._live()
            return Request._of(begin(state, plan(state, *arguments)()), state, buf=arguments)
        except MPIException as error:
            raised(self, error)

    def _prepare(self, plan: Plan, *arguments: Any) -> Prequest:
        """A request to be started many times.

        Each has a context of its own: the standard matches such operations by the order in which they were
        made, whatever the order in which they are started.
        """
        try:
            state = self._live()
            build = plan(state, *arguments)
        except MPIException as error:
            raised(self, error)
        context = state.group_context("persistent", "persistent") + 1
        starts = 0

        def start() -> Transfer:
            nonlocal starts
            starts += 1
            return state.engine.start(build(), context, starts, everybody(state))

        return Prequest._of(start, state)
