"""The depot under every order of requests, outages and deaths: its promises hold at each moment."""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
import trio.testing
from depot_crash import Crash, Crasher, CrashingDatabase, hurry
from depot_standins import MemorySource, Thing, quick_warden
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store_harness import Changes, Clock

from mpi_actors.content.store import tree
from mpi_actors.content.store.database import Database, Records
from mpi_actors.depot.depot import FOLDER, Depot
from mpi_actors.errors import InstallFailed, InterpreterInUse, UnknownInterpreter

DAY = 86400.0
THINGS = {
    "a": Thing(100),
    "b": Thing(200),
    "c": Thing(300),
    "d": Thing(400),
    "e": Thing(600),
    "bad": Thing(50, "fail"),
    "killed": Thing(50, "killed"),
    "grows": Thing(60, "grow 400"),
}
NAMES = st.sampled_from(sorted(THINGS))
SIZES = st.sampled_from([0, 350, 700, 1000, 2000])
QUICK_DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
EXPECTED = (InstallFailed, UnknownInterpreter, InterpreterInUse)
Request = tuple[str, str]
WORDS = ["add", "ensure", "pin", "unpin", "delete", "fill", "expire", "collect", "prepare"]
REQUESTS = st.tuples(st.sampled_from(WORDS), NAMES)


class Loop:
    """A trio program in a thread of its own, whose clock moves only by hand."""

    def __init__(self) -> None:
        self.clock = trio.testing.MockClock()
        started: queue.Queue[tuple[trio.lowlevel.TrioToken, trio.Event]] = queue.Queue()

        async def main() -> None:
            end = trio.Event()
            started.put((trio.lowlevel.current_trio_token(), end))
            await end.wait()

        self._thread = threading.Thread(target=trio.run, args=(main,), kwargs={"clock": self.clock})
        self._thread.start()
        self._token, self._end = started.get()

    def run(self, function: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        """Run an async function in that program, and return or raise what it does."""
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def read(self, function: Callable[[], Any]) -> Any:
        """Call a function in that program."""
        return trio.from_thread.run_sync(function, trio_token=self._token)

    def close(self) -> None:
        """End the program."""
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._thread.join()


@contextmanager
def suppressed_crash() -> Iterator[None]:
    """Suppress the crash: nobody is left who could report it."""
    try:
        yield
    except* Crash:
        pass


class DepotMachine(RuleBasedStateMachine):
    """Requests of persons and jobs, restarts and deaths, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="depot-", dir=QUICK_DISK))
        self.loop = Loop()
        self.clock = Clock()
        self.things = dict(THINGS)
        self.kept: set[str] = set()
        self.pool = 0
        self.down = ""
        self.users: list[tuple[str, AbstractAsyncContextManager[Path]]] = []
        self.settled = True
        """Whether no request was made since the start while the store was down."""
        self.other = Database(self.root / "store.db")
        """As another process has it."""
        hurry(self.other)

    def teardown(self) -> None:
        self.leave()
        self.crasher.disarm()
        self.loop.close()
        self.database.close()
        self.other.close()
        shutil.rmtree(self.root)

    # --- starts and ends

    @initialize(max_size=SIZES)
    def begin(self, max_size: int) -> None:
        """Start the first process."""
        self.max_size = self.allowed = max_size
        self.open()
        self.loop.run(self.depot.prepare)
        self.prepared()

    def open(self) -> None:
        """Start a new process."""
        self.crasher = Crasher(self.root)
        self.database = CrashingDatabase(self.root / "store.db", self.crasher)
        self.source = MemorySource(
            self.things, self.kept, pool=str(self.pool), opened=False, step=self.crasher.step
        )
        self.source.down = self.down
        self.depot = Depot(
            self.root,
            self.source,
            quick_warden(),
            max_size=self.max_size,
            database=self.database,
            clock=self.clock,
            on_change=Changes(),
        )

    def prepared(self) -> None:
        """Check what must hold after a start."""
        self.settled = not self.down
        records = self.records()
        total = sum(row.size for row in records.installed.values())
        assert total <= self.max_size or set(records.installed) <= records.pinned
        self.allowed = max(self.max_size, total)

    def leave(self) -> None:
        """Let all users go."""
        while self.users:
            _, context = self.users.pop()
            self.loop.run(context.__aexit__, None, None, None)

    def restart(self) -> None:
        """Start again after an orderly end or a death: no user is left, and what was pinned is there."""
        pinned = self.staying()
        self.open()
        self.loop.run(self.depot.prepare)
        self.prepared()
        assert pinned <= set(self.records().installed)

    def records(self) -> Records:
        """What the depot remembers."""
        return self.other.records()

    def staying(self) -> set[str]:
        """What must not go."""
        records = self.records()
        used = {name for name, _ in self.users}
        return (used | records.pinned) & self.current()

    def current(self) -> set[str]:
        """What is installed in the store's version; the rest goes as soon as the store is open."""
        installed = self.records().installed
        versions = {name: self.source.version(name) for name in self.things}
        return {name for name, row in installed.items() if row.version == versions[name]}

    # --- rules

    @rule(request=REQUESTS)
    def ask(self, request: Request) -> None:
        """Make one request."""
        before = self.staying()
        self.request(request)
        if request[0] == "delete":
            before.discard(request[1])
        assert before <= set(self.records().installed)

    def request(self, request: Request) -> None:
        """Make a request; a refusal is an answer, too."""
        what, name = request
        self.settled = self.settled and not self.down
        installed = self.current()
        try:
            if what in ("fill", "expire", "collect", "prepare"):
                self.loop.run(getattr(self.depot, what))
            else:
                self.loop.run(getattr(self.depot, what), name)
        except EXPECTED:
            if what in ("add", "ensure", "pin"):  # nothing goes for what cannot be had
                assert installed <= set(self.records().installed)
            return
        after = self.records()
        match what:
            case "add" | "ensure" | "pin":
                assert name in after.installed
                assert (what != "pin") or name in after.pinned
            case "delete":
                assert name not in after.installed
                assert name in after.unwanted
            case "fill":
                assert installed <= set(after.installed)
            case "prepare":
                self.prepared()

    @precondition(lambda self: self.depot.interpreters())
    @rule(which=st.integers(0, 7))
    def use(self, which: int) -> None:
        """A job begins to use an interpreter."""
        names = self.depot.interpreters()
        name = names[which % len(names)]
        context = self.depot.using(name)
        place = self.loop.run(context.__aenter__)
        assert (place / "run.py").exists()
        self.users.append((name, context))

    @precondition(lambda self: self.users)
    @rule(which=st.integers(0, 3))
    def unuse(self, which: int) -> None:
        """A job ends."""
        _, context = self.users.pop(which % len(self.users))
        self.loop.run(context.__aexit__, None, None, None)

    @rule(name=NAMES, on=st.booleans())
    def another_process_pins(self, name: str, on: bool) -> None:
        """A command pins or unpins while the daemon runs."""
        (self.other.pin if on else self.other.unpin)(name)

    @rule(seconds=st.sampled_from([1.0, 61.0, 7 * DAY, 31 * DAY, -5.0]))
    def time_passes(self, seconds: float) -> None:
        """Both clocks move on; the time of day may also be set back."""
        self.clock.now += seconds

        async def jump() -> None:
            self.loop.clock.jump(max(0.0, seconds))

        self.loop.run(jump)

    @rule()
    def months_pass(self) -> None:
        """Exactly what nobody uses goes."""
        self.time_passes(31 * DAY)
        self.ask(("expire", ""))
        records = self.records()
        assert set(records.installed) <= records.pinned | {name for name, _ in self.users}

    @rule(down=st.sampled_from(["", "nobody is there"]))
    def the_store_goes_and_comes(self, down: str) -> None:
        """The store cannot be reached for a while."""
        self.down = self.source.down = down

    @rule(max_size=SIZES)
    def end_and_begin(self, max_size: int) -> None:
        """The daemon ends and starts again with another quota."""
        self.leave()
        self.database.close()
        self.max_size = max_size
        self.restart()

    @rule(name=NAMES)
    def another_store(self, name: str) -> None:
        """The daemon ends and starts again with a store that has another version of something."""
        self.leave()
        self.database.close()
        self.pool += 1
        self.things[name] = attrs.evolve(self.things[name], version=str(self.pool))
        self.open()
        self.loop.run(self.depot.prepare)
        if not self.depot.trouble:
            self.prepared()
        else:
            self.settled = False
            total = sum(row.size for row in self.records().installed.values())
            self.allowed = max(self.max_size, total)

    @rule(request=REQUESTS, steps=st.integers(0, 60))
    def die(self, request: Request, steps: int) -> None:
        """The process is killed at some step of a request, and another one starts."""
        before = self.staying() & self.records().pinned
        self.crasher.arm(steps)
        with self.crasher.watching():
            with suppressed_crash():
                self.request(request)
            died = self.crasher.dead
            self.crasher.disarm()
            if died:
                self.bury()
        if died:
            self.restart()
            if request[0] == "delete":
                before.discard(request[1])
            assert before <= set(self.records().installed)

    def bury(self) -> None:
        """Drop what the dead process held."""
        while self.users:
            _, context = self.users.pop()
            with suppressed_crash():
                self.loop.run(context.__aexit__, None, None, None)
        self.database.close()

    # --- promises

    @invariant()
    def disk_and_database_and_offer_agree(self) -> None:
        """Exactly what is remembered is on the disk, completely, and is offered."""
        records = self.records()
        folder = self.root / FOLDER
        assert sorted(path.name for path in folder.iterdir()) == sorted(records.installed)
        for name, row in records.installed.items():
            assert tree.measure(folder / name) == row.size
        if self.depot.interpreters() or not self.depot.trouble:
            assert self.depot.interpreters() == tuple(sorted(records.installed))

    @invariant()
    def the_quota_is_kept(self) -> None:
        """No more is installed than allowed; pinned ones that exceed a lowered quota only shrink."""
        total = sum(row.size for row in self.records().installed.values())
        assert total <= self.allowed
        self.allowed = max(self.max_size, total)

    @invariant()
    def the_store_keeps_what_is_installed(self) -> None:
        """The store keeps exactly what is installed, unless it could not be reached."""
        if self.settled and not self.depot.trouble:
            versions = {row.version for row in self.records().installed.values()}
            assert self.kept == versions

    @invariant()
    def what_is_used_is_there(self) -> None:
        """Nothing goes while it is in use."""
        assert {name for name, _ in self.users} <= set(self.depot.interpreters())

    @invariant()
    def the_list_tells_it(self) -> None:
        """Each interpreter is listed once, with its state."""
        entries = {entry.name: entry for entry in self.depot.listing()}
        assert len(entries) == len(self.depot.listing())
        for name in self.depot.interpreters():
            assert entries[name].state == "installed"
            assert entries[name].in_use == sum(user == name for user, _ in self.users)
        for name in self.loop.read(self.depot.could_install):
            assert entries[name].state in ("available", "failed")


TestDepot = DepotMachine.TestCase
TestDepot.settings = settings(
    max_examples=300,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
