"""How a communicator does a collective operation: at once, by a request, or again and again.

A plan is a function of a communicator's state and the arguments of the call. It checks and parses the
arguments and returns a function that builds this rank's schedule. So a wrong call fails before anything is
sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.schedule import Schedule
from ...errors.exception import Exception as MPIException
from ...requests.request import Prequest, Request
from ..errors import report_and_raise
from ..handle import CommHandle
from ..state import CommState

if TYPE_CHECKING:
    from ...collectives.steps import ReducerFor
    from ...engine import Transfer

Build = Callable[[], Schedule]
"""Builds the schedule of one execution. It packs the data that the schedule sends."""

Plan = Callable[..., Build]
"""Checks the arguments of a call; see above."""


class Combine(NamedTuple):
    """How a reduction combines elements of one datatype: the last three arguments of the builders.

    Attributes:
        reducer_for: returns the function that combines a given number of elements.
        itemsize: bytes of one element.
        divisible: whether parts of a buffer may be combined on their own, and in any order of ranks.
    """

    reducer_for: ReducerFor
    itemsize: int
    divisible: bool


def everybody(state: CommState) -> tuple[int, ...]:
    """World ranks in the order that schedules count them: the local group, then the remote group if any."""
    return state.members if state.remote is None else state.members + state.remote


def execute(state: CommState, schedule: Schedule) -> None:
    """Run a schedule as the communicator's next collective operation, and wait until it is done.

    Raises:
        MPI.Exception: A message was longer than the memory for it, or an operation failed.
    """
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
    """How the methods of a communicator carry out a plan. MPI 4.1, sections 6.1, 6.12 and 6.13."""

    __slots__ = ()

    def _run(self, plan: Plan, *arguments: Any) -> None:
        try:
            state = self._live()
            execute(state, plan(state, *arguments)())
        except MPIException as error:
            report_and_raise(self, error)

    def _start(self, plan: Plan, *arguments: Any) -> Request:
        try:
            state = self._live()
            return Request._of(begin(state, plan(state, *arguments)()), state, buf=arguments)
        except MPIException as error:
            report_and_raise(self, error)

    def _prepare(self, plan: Plan, *arguments: Any) -> Prequest:
        """Return a request that can be started many times.

        Each request has its own context: the standard matches persistent operations by the order in which
        they were made, not by the order in which they are started (section 6.13).
        """
        try:
            state = self._live()
            build = plan(state, *arguments)
        except MPIException as error:
            report_and_raise(self, error)
        context = state.group_context("persistent", "persistent") + 1
        starts = 0

        def start() -> Transfer:
            nonlocal starts
            starts += 1
            return state.engine.start(build(), context, starts, everybody(state))

        return Prequest._of(start, state)
