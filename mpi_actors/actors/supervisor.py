"""A supervisor: starts its children in order, restarts them when they end, and stops them in reverse order.

Each child runs in a task with a shielded scope of its own, so that only the supervisor stops it. When a child
ends, its task decides at once, without waiting, what to do. What takes time (until a group has stopped, or a
backoff has passed) is a *recovery*, a task of its own: so a child that ends slowly does not keep the
supervisor from the others. A recovery takes over the children that it shares with earlier ones.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs
import trio

from ..errors import DuplicateChild, RestartIntensityExceeded, SupervisorStopped, UnknownChild
from .child import Child, ChildRun, Recovery, describe
from .context import current_actor, enter
from .decide import RestartWindow, affected
from .mailbox import Mailbox
from .snapshot import SupervisorSnapshot
from .spec import Backoff, ChildSpec, Exited, ExitReason, Intensity, Restart, Strategy
from .watch import Watches

M = TypeVar("M")
log = logging.getLogger(__name__)


class Supervisor:
    """Runs children, which are actors or supervisors.

    It can run again after it has ended. Each run begins with `children`, whatever happened to them in the run
    before. The supervisor forgets children that were added later when a run ends.

    Args:
        name: the name for people.
        strategy: which siblings are restarted together with a child that ended.
        intensity: how many restarts it makes before it fails; by default 3 within 5 s.
        children: the first children, in start order.

    Raises:
        DuplicateChild: two children have the same id or mailbox.
    """

    def __init__(
        self,
        name: str,
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        children: Iterable[ChildSpec[Any]] = (),
    ) -> None:
        self.name = name
        self.strategy = strategy
        self.intensity = Intensity() if intensity is None else intensity
        self._children: dict[str, Child] = {}
        for spec in children:
            self._add(Child(spec, initial=True))
        self._initial = tuple(self._children.values())
        self._watches = Watches()
        self._window = RestartWindow(self.intensity)
        self._recoveries: set[Recovery] = set()
        self._restarts = 0
        self._nursery: trio.Nursery | None = None
        self._context = contextvars.Context()
        self._finish = trio.Event()
        self._failure: RestartIntensityExceeded | None = None
        self._ending = True
        self._for_good = True

    # --- running ------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until `stop()`, or until cancelled; `started()` once the first children have started.

        At the end the children are always stopped, in reverse order, each within its `shutdown` seconds, and
        all mailboxes are closed.

        Raises:
            RestartIntensityExceeded: there were too many restarts; its cause is the error of the last child
                that failed.
            RuntimeError: it runs already.
        """
        self._check_idle()
        try:
            await self._serve(task_status.started, for_good=True)
        finally:
            self.close()

    def stop(self) -> None:
        """Make `run` stop all children and return. Do nothing if it does not run."""
        self._ending = True
        self._finish.set()
        for recovery in self._recoveries:
            recovery.scope.cancel()

    def as_child(
        self, *, restart: Restart = Restart.PERMANENT, backoff: Backoff | None = None
    ) -> ChildSpec[object]:
        """Return a spec that makes this supervisor the child of another, under its own name.

        The addresses of its children outlive its restarts, too. It is up when its first children are. To stop
        it, the other supervisor cancels it, which stops its children in an orderly way.
        """
        return ChildSpec(
            id=self.name,
            run=self._run_nested,
            restart=restart,
            backoff=backoff,
            signals_ready=True,
            nested=self,
        )

    def close(self) -> None:
        """Close all mailboxes and send all watchers the last notice: this supervisor will not run. `run` does
        so.

        Raises:
            RuntimeError: it runs.
        """
        self._check_idle()
        for child in reversed(list(self._children.values())):
            self._retire(child, child.exited(ExitReason.STOPPED))

    # --- children -----------------------------------------------------------------------------------------

    async def start_child(self, spec: ChildSpec[M]) -> Mailbox[M]:
        """Add a child after the others, and start it; return its address.

        If the child signals when it is up, wait for that. When this call is cancelled, the child runs on.

        Raises:
            SupervisorStopped: this supervisor does not run, or is about to end.
            DuplicateChild: another child has that id or that mailbox.
        """
        if self._ending:
            raise SupervisorStopped(f"{self.name} does not run, so it cannot start {spec.id!r}")
        child = Child(spec, initial=False)
        self._add(child)
        await self._launch(child)
        return spec.mailbox

    async def stop_child(self, id: str) -> None:
        """Stop a child for good, and wait until it has gone. When this call is cancelled, it stops all the
        same.

        Raises:
            UnknownChild: there is no such child, or no longer.
        """
        child = self._find(id)
        child.unwanted = True
        if child.run is None:
            self._retire(child, child.exited(ExitReason.STOPPED))
        else:
            child.ask_to_stop()
        await child.gone.wait()

    def watch(self, id: str, mailbox: Mailbox[M], make_message: Callable[[Exited], M]) -> None:
        """Post `make_message(exited)` to the control box of `mailbox` whenever a run of child `id` ends.

        The last notice has `gone` set, and ends the watch. A second watch by the same mailbox replaces the
        first.

        Raises:
            UnknownChild: there is no such child, or no longer.
        """
        self._find(id)
        self._watches.add(id, mailbox, make_message)

    def unwatch(self, id: str, mailbox: Mailbox[Any]) -> None:
        """End the watch of child `id` by `mailbox`, if there is one."""
        self._watches.remove(id, mailbox)

    def snapshot(self) -> SupervisorSnapshot:
        """Return the tree from here down, without children that have gone for good."""
        return SupervisorSnapshot(
            name=self.name,
            strategy=self.strategy.value,
            running=self._nursery is not None,
            restarts=self._restarts,
            children=tuple(child.snapshot() for child in self._children.values()),
        )

    # --- one run of the supervisor ------------------------------------------------------------------------

    async def _run_nested(self, _: Mailbox[object]) -> None:
        await self._serve(current_actor().ready, for_good=False)

    async def _serve(self, ready: Callable[[], None], *, for_good: bool) -> None:
        self._check_idle()
        self._renew(for_good)
        try:
            async with trio.open_nursery() as self._nursery:
                try:
                    self._begin(Recovery(self._initial, first=True))
                    # children that fail before all are up have recoveries of their own: wait for those, too
                    while self._recoveries:
                        await next(iter(self._recoveries)).done.wait()
                    if self._failure is None:
                        ready()
                    await self._finish.wait()
                finally:
                    with trio.CancelScope(shield=True):
                        await self._stop_all()
        finally:
            self._nursery = None
        if self._failure is not None:
            raise self._failure

    def _renew(self, for_good: bool) -> None:
        self._children = {child.spec.id: child for child in self._initial}
        for child in self._initial:
            child.renew()
        self._window = RestartWindow(self.intensity)
        self._restarts = 0
        # children get this context, not that of the task that happens to start them
        self._context = contextvars.copy_context()
        self._finish = trio.Event()
        self._failure = None
        self._ending = False
        self._for_good = for_good

    async def _stop_all(self) -> None:
        self.stop()
        children = list(self._children.values())
        for child in children:
            child.recovery = None
        for child in reversed(children):
            await child.halt()
            if not self._keeps(child) and not child.gone.is_set():
                self._retire(child, child.exited(ExitReason.STOPPED))

    def _spawn(self, function: Callable[..., Any], *args: Any, name: str) -> None:
        nursery = self._nursery
        assert nursery is not None, "only called while running"
        self._context.run(lambda: nursery.start_soon(function, *args, name=name))

    # --- one run of a child -------------------------------------------------------------------------------

    async def _launch(self, child: Child) -> None:
        """Start a run of `child`, and wait until it is up."""
        run = child.begin(self.name)
        self._spawn(self._live, child, run, name=f"{self.name}/{child.spec.id}")
        await run.actor.wait_ready()

    async def _live(self, child: Child, run: ChildRun) -> None:
        enter(run.actor)
        try:
            # the scope is inside `try`: it takes its Cancelled out of a group, and `except` gets the rest
            with run.scope:
                if not child.spec.signals_ready:
                    run.actor.ready()
                await child.spec.run(child.spec.mailbox)
        except Exception as error:
            where = f"{self.name}/{child.spec.id}"
            log.warning("%s failed (generation %d)", where, child.generation, exc_info=error)
            self._on_child_end(child, run, error)
        else:
            self._on_child_end(child, run, None)
        finally:
            run.done.set()
            run.actor.ready()

    def _on_child_end(self, child: Child, run: ChildRun, error: Exception | None) -> None:
        exited = child.end(run, error)
        if not child.spec.restart.applies_to(exited.reason) or not self._keeps(child):
            self._retire(child, exited)
            return
        self._watches.tell(exited)
        if self._ending or child.recovery is not None:
            return  # the supervisor ends, or a recovery will start this child
        now = trio.current_time()
        if self._window.admit(now):
            self._recover(child, now - run.since)
        else:
            self._fail(exited)

    def _keeps(self, child: Child) -> bool:
        """Return whether the child's address outlives the run that has just ended."""
        if child.unwanted:
            return False
        return not self._ending or (child.initial and not self._for_good)

    def _retire(self, child: Child, exited: Exited) -> None:
        """Let go of a child for good."""
        self._children.pop(child.spec.id, None)
        child.recovery = None
        child.spec.mailbox.close()
        if child.spec.nested is not None:
            child.spec.nested.close()
        child.gone.set()
        self._watches.tell(attrs.evolve(exited, gone=True))

    # --- restarts -----------------------------------------------------------------------------------------

    def _recover(self, child: Child, lived: float) -> None:
        self._restarts += 1
        ids = affected(self.strategy, tuple(self._children), child.spec.id)
        recovery = Recovery(tuple(self._children[id] for id in ids), child.restart_delay(lived))
        log.info("%s restarts %s in %g s", self.name, ", ".join(ids), recovery.delay)
        self._begin(recovery)

    def _begin(self, recovery: Recovery) -> None:
        for child in recovery.members:
            if child.recovery is not None:
                child.recovery.scope.cancel()
            child.recovery = recovery
        self._recoveries.add(recovery)
        self._spawn(self._conduct, recovery, name=f"{self.name} (recovery)")

    async def _conduct(self, recovery: Recovery) -> None:
        # at each await a child may leave this recovery: it is stopped for good, or another takes it over
        try:
            with recovery.scope:
                for child in reversed(recovery.members):
                    if child.recovery is recovery:
                        await child.halt()
                if recovery.delay > 0:
                    await trio.sleep(recovery.delay)
                for child in recovery.members:
                    if child.recovery is recovery:
                        child.restarts += not recovery.first
                        await self._launch(child)
        finally:
            self._recoveries.discard(recovery)
            recovery.done.set()

    def _fail(self, exited: Exited) -> None:
        limit = self.intensity
        what = "it returned" if exited.error is None else describe(exited.error)
        self._failure = RestartIntensityExceeded(
            f"{self.name}: more than {limit.max_restarts} restarts within {limit.period:g} s; the last would "
            f"have been of {exited.id!r} (generation {exited.generation}): {what}"
        )
        self._failure.__cause__ = exited.error
        log.warning("%s", self._failure)
        self.stop()

    # ------------------------------------------------------------------------------------------------------

    def _check_idle(self) -> None:
        if self._nursery is not None:
            raise RuntimeError(f"supervisor {self.name} is running")

    def _add(self, child: Child) -> None:
        for other in self._children.values():
            if other.spec.id == child.spec.id or other.spec.mailbox is child.spec.mailbox:
                raise DuplicateChild(f"{self.name} has {other.spec.id!r} already; stop it first")
        self._children[child.spec.id] = child

    def _find(self, id: str) -> Child:
        child = self._children.get(id)
        if child is None:
            raise UnknownChild(f"{self.name} has no child {id!r}")
        return child
