"""Which interpreters are installed, which go and which stay: the depot's rules, without real programs."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from depot_standins import MemorySource, Thing, quick_warden
from store_harness import Changes, Clock, database_of, depot_of, detail, on_disk, remembered, states

from mpi_actors.content.store.database import Database
from mpi_actors.depot.depot import Depot
from mpi_actors.depot.listing import recorded_entries
from mpi_actors.errors import BadStore, ContentRefused, DepotUnusable, DiskFull, InstallFailed
from mpi_actors.process import Warden

DAY = 86400.0
ABC = {name: Thing(300) for name in "abc"}


def made(
    directory: Path,
    source: MemorySource | None,
    clock: Clock | None = None,
    *,
    max_size: int = 1000,
    keep: float = 30 * DAY,
) -> Depot:
    """A depot that is not prepared yet."""
    return depot_of(directory, source, quick_warden(), max_size=max_size, clock=clock or Clock(), keep=keep)


@pytest.fixture
def clock() -> Clock:
    """A time of day that moves only when a test sets it."""
    return Clock()


# --- what is installed by itself


async def test_fill_deletes_nothing(tmp_path: Path) -> None:
    """What fits is installed, the smallest first; the rest stays in the store."""
    depot = made(tmp_path, MemorySource({**ABC, "big": Thing(600), "small": Thing(50)}))
    await depot.prepare()
    assert depot.interpreters() == ("a", "b", "c", "small")
    assert depot.could_install() == ("big",)


async def test_fill_leaves_out_what_a_person_has_decided(tmp_path: Path) -> None:
    """What a person deleted stays away, even at the next start, until a person adds it."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source)
    await depot.prepare()
    await depot.delete("a")
    await depot.fill()
    depot = made(tmp_path, source)
    await depot.prepare()
    assert depot.interpreters() == ("b", "c")
    await depot.add("a")
    assert depot.interpreters() == ("a", "b", "c")
    assert remembered(tmp_path).unwanted == set()


async def test_once_a_person_has_added_something_nothing_else_comes(tmp_path: Path) -> None:
    """Once a person has chosen, nothing else is installed, not even at the next start."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source)
    await depot.prepare(fill=False)
    assert await depot.add("b")
    await depot.fill()
    depot = made(tmp_path, source)
    await depot.prepare()
    assert depot.interpreters() == ("b",)
    assert remembered(tmp_path).installed["b"].chosen


async def test_to_add_what_is_installed_is_a_choice_too(tmp_path: Path) -> None:
    """To add what is installed already counts as a person's choice."""
    depot = made(tmp_path, MemorySource(ABC))
    await depot.prepare(fill=False)
    await depot.ensure("a")
    assert not remembered(tmp_path).installed["a"].chosen
    assert not await depot.add("a")
    assert remembered(tmp_path).installed["a"].chosen
    await depot.fill()
    assert depot.interpreters() == ("a",)


# --- what jobs need


@pytest.mark.parametrize("ask", [Depot.add, Depot.ensure, Depot.pin])
async def test_the_least_recently_used_makes_room(
    tmp_path: Path, clock: Clock, ask: Callable[[Depot, str], Awaitable[object]]
) -> None:
    """What is in use, pinned, or was used later stays; the least recently used goes."""
    depot = made(tmp_path, MemorySource({**ABC, "d": Thing(300)}), clock)
    await depot.prepare(fill=False)
    for name in "abc":
        clock.now += 100
        await depot.ensure(name)
    clock.now += 100
    async with depot.using("a"):
        pass
    await ask(depot, "d")
    assert depot.interpreters() == ("a", "c", "d")
    await depot.unpin("d")
    await depot.pin("c")
    async with depot.using("a"):
        await ask(depot, "b")
    assert depot.interpreters() == ("a", "b", "c")


async def test_what_fails_costs_nothing(tmp_path: Path) -> None:
    """Nothing is deleted for an interpreter that cannot be fetched, or refuses in the end."""
    source = MemorySource({**ABC, "bad": Thing(300, "fail"), "grows": Thing(300, "grow 800")})
    depot = made(tmp_path, source)
    await depot.prepare(fill=False)
    for name in "abc":
        await depot.ensure(name)
    for name in ("bad", "grows"):
        with pytest.raises(InstallFailed):
            await depot.ensure(name)
    source.down = "nobody is there"
    with pytest.raises(InstallFailed):
        await depot.add("bad")
    assert depot.interpreters() == ("a", "b", "c")


async def test_a_failure_is_remembered_for_jobs(tmp_path: Path) -> None:
    """A job does not try again what failed, even after a start; a person does; a new version may."""
    source = MemorySource({"a": Thing(10, "fail")})
    depot = made(tmp_path, source)
    await depot.prepare()
    assert (states(depot), detail(depot, "a")) == ({"a": "failed"}, "init.py ended: exit code 1")
    depot = made(tmp_path, source)
    await depot.prepare()
    assert depot.could_install() == ()
    with pytest.raises(InstallFailed, match=r"cannot install a: init\.py ended: exit code 1"):
        await depot.ensure("a")
    assert source.fetched == ["a"]
    with pytest.raises(InstallFailed):
        await depot.add("a")
    assert source.fetched == ["a", "a"]
    depot = made(tmp_path, MemorySource({"a": Thing(10, version="2")}, pool="next"))
    await depot.prepare(fill=False)
    assert depot.could_install() == ("a",)
    await depot.ensure("a")
    assert remembered(tmp_path).failures == {}


async def test_trouble_that_passes(tmp_path: Path, mock_clock: trio.testing.MockClock) -> None:
    """What failed because of the network is not offered for a minute, but a request tries it."""
    changed = Changes()
    source = MemorySource(ABC)
    depot = depot_of(tmp_path, source, quick_warden(), changed=changed)
    await depot.prepare(fill=False)
    source.down = "nobody has it now"
    with pytest.raises(InstallFailed, match="cannot install a: nobody has it now"):
        await depot.ensure("a")
    assert (states(depot)["a"], detail(depot, "a")) == ("failed", "nobody has it now")
    assert depot.could_install() == ("b", "c")
    assert remembered(tmp_path).failures == {}
    mock_clock.jump(61)
    assert depot.could_install() == ("a", "b", "c")
    source.down = ""
    await depot.ensure("a")
    assert states(depot)["a"] == "installed"


async def test_those_who_waited_share_a_failure(tmp_path: Path) -> None:
    """If many ranks ask at once, only the first one tries."""
    source = MemorySource({"a": Thing(10, "killed")})
    depot = made(tmp_path, source)
    await depot.prepare(fill=False)
    failed: list[str] = []

    async def ask() -> None:
        with pytest.raises(InstallFailed) as caught:
            await depot.ensure("a")
        failed.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert failed == ["cannot install a: init.py ended: killed by SIGKILL"] * 5
    assert source.fetched == ["a"]


async def test_refused_content_is_the_interpreters_own_fault(tmp_path: Path) -> None:
    """An interpreter with hostile names is not fetched again, and its content is released."""
    source = MemorySource({"a": Thing(10)}, {"a-1"})
    source.trouble = ContentRefused("a name leads out")
    depot = made(tmp_path, source)
    await depot.prepare()
    assert remembered(tmp_path).failures["a"].detail == "a name leads out"
    assert source.kept == set()


async def test_what_is_being_installed_is_told(tmp_path: Path) -> None:
    """While an interpreter is fetched, the list says so."""
    seen: list[dict[str, str]] = []
    source = MemorySource(ABC, step=lambda where: seen.append(states(depot)) if where == "fetch" else None)
    depot = made(tmp_path, source)
    await depot.prepare(fill=False)
    await depot.ensure("b")
    assert seen == [{"a": "available", "b": "installing", "c": "available"}]


# --- pins


async def test_a_pin(tmp_path: Path, clock: Clock) -> None:
    """What is pinned is installed, stays, and goes when a person deletes it."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source, clock)
    await depot.prepare(fill=False)
    assert await depot.pin("a")
    assert not await depot.pin("a")
    first = depot.listing()[0]
    assert (first.name, first.pinned, first.state) == ("a", True, "installed")
    clock.now += 1000 * DAY
    assert await depot.expire() == ()
    depot = made(tmp_path, source, clock, max_size=100)
    await depot.prepare()
    assert depot.interpreters() == ("a",)
    assert await depot.unpin("a")
    assert not await depot.unpin("a")
    assert await depot.expire() == ("a",)
    depot = made(tmp_path, source, clock)
    await depot.prepare(fill=False)
    await depot.pin("b")
    await depot.delete("b")
    assert (depot.interpreters(), remembered(tmp_path).pinned) == ((), frozenset())


async def test_a_pin_that_cannot_be(tmp_path: Path) -> None:
    """What cannot be installed is not pinned; a person's pin tries again what failed."""
    source = MemorySource({"bad": Thing(10, "fail")})
    depot = made(tmp_path, source)
    await depot.prepare()
    with pytest.raises(InstallFailed):
        await depot.pin("bad")
    assert source.fetched == ["bad", "bad"]
    with pytest.raises(InstallFailed, match="the store has bad"):
        await depot.pin("other")
    assert remembered(tmp_path).pinned == set()


@asynccontextmanager
async def kept_house(depot: Depot) -> AsyncIterator[None]:
    """Enter a context in which the depot does its housekeeping."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(depot.housekeep)
        yield
        nursery.cancel_scope.cancel()


async def until(true: Callable[[], bool], mock_clock: trio.testing.MockClock, step: float = 5.0) -> None:
    """Let time pass, a few seconds at a time, until a condition holds."""
    with trio.fail_after(10_000 * step):
        while not true():
            await trio.testing.wait_all_tasks_blocked(0.005)
            mock_clock.jump(step)


async def test_pins_of_another_process(tmp_path: Path, mock_clock: trio.testing.MockClock) -> None:
    """What another process pins is installed and stays; what it unpins may go."""
    depot = made(tmp_path, MemorySource(ABC))
    await depot.prepare(fill=False)
    await depot.ensure("b")
    other = database_of(tmp_path)
    async with kept_house(depot):
        other.pin("a")
        await until(lambda: depot.interpreters() == ("a", "b"), mock_clock)
        other.unpin("a")
        await until(lambda: not any(entry.pinned for entry in depot.listing()), mock_clock)


async def test_a_pin_of_another_process_at_the_last_moment(tmp_path: Path) -> None:
    """What was pinned since the last look is not deleted; another one goes in its place."""
    depot = made(tmp_path, MemorySource({**ABC, "d": Thing(300)}))
    await depot.prepare()
    database_of(tmp_path).pin("a")
    await depot.ensure("d")
    assert depot.interpreters() == ("a", "c", "d")


async def test_pinned_ones_come_first_at_the_start(tmp_path: Path) -> None:
    """What is pinned and not installed is installed, even in the place of others."""
    await made(tmp_path, MemorySource(ABC)).prepare()
    database_of(tmp_path).pin("d")
    depot = made(tmp_path, MemorySource({**ABC, "d": Thing(900)}))
    await depot.prepare()
    assert depot.interpreters() == ("d",)


# --- what goes by itself


async def test_what_nobody_uses_expires(tmp_path: Path, clock: Clock) -> None:
    """What was not used for long goes, unless it is in use or pinned."""
    depot = made(tmp_path, MemorySource({name: Thing(10) for name in "abcd"}), clock)
    await depot.prepare()
    await depot.pin("b")
    clock.now += 29 * DAY
    async with depot.using("c"):
        pass
    assert await depot.expire() == ()
    async with depot.using("d"):
        clock.now += 2 * DAY
        assert await depot.expire() == ("a",)
        assert await depot.expire(clock.now + 29 * DAY) == ("c",)
    assert depot.interpreters() == ("b", "d")
    assert depot.could_install() == ("a", "c")


async def test_never(tmp_path: Path, clock: Clock) -> None:
    """If `keep` is infinite, nothing expires."""
    depot = made(tmp_path, MemorySource(ABC), clock, keep=float("inf"))
    await depot.prepare()
    clock.now += 10_000 * DAY
    assert await depot.expire() == ()


async def test_housekeeping_expires(tmp_path: Path, mock_clock: trio.testing.MockClock, clock: Clock) -> None:
    """Once an hour, what has expired goes, and the store lets go of it."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source, clock)
    await depot.prepare()
    async with kept_house(depot):
        await trio.testing.wait_all_tasks_blocked(0.01)
        clock.now += 31 * DAY
        await until(lambda: depot.interpreters() == () and not source.kept, mock_clock, 600)


async def test_the_last_use_is_remembered(tmp_path: Path, clock: Clock) -> None:
    """The last use is known at once, and outlives the daemon, but is not written for each rank."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source, clock)
    await depot.prepare()
    assert [entry.last_use for entry in depot.listing()] == [None, None, None]
    clock.now += 100
    async with depot.using("a"):
        clock.now += 30
    begin = clock.now - 30
    assert depot.listing()[0].last_use == clock.now
    assert remembered(tmp_path).installed["a"].last_use == begin
    async with depot.using("a"):
        clock.now += 60
    assert remembered(tmp_path).installed["a"].last_use == clock.now
    depot = made(tmp_path, source, clock)
    await depot.prepare()
    assert depot.listing()[0].last_use == clock.now


async def test_collect(tmp_path: Path, clock: Clock) -> None:
    """What has expired goes, and so does what the store had kept besides; both are reported."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source, clock)
    await depot.prepare()
    source.kept |= {"leftover"}
    await depot.pin("b")
    clock.now += 31 * DAY
    cleared = await depot.collect()
    assert (cleared.interpreters, cleared.size) == (("a", "c"), 600)
    assert cleared.versions == ("a-1", "c-1", "leftover")
    assert source.kept == {"b-1"}


# --- the store


async def test_what_is_installed_is_retained(tmp_path: Path) -> None:
    """The store keeps exactly the versions that are installed; two names may share one."""
    source = MemorySource({**ABC, "d": Thing(300)})
    source.version = lambda name: "same" if name in "ab" else name  # type: ignore[method-assign]
    depot = made(tmp_path, source)
    await depot.prepare()
    assert source.kept == {"same", "c"}
    await depot.delete("a")
    assert source.kept == {"same", "c"}
    await depot.delete("b")
    assert source.kept == {"c"}


async def test_a_store_that_does_not_let_go(
    tmp_path: Path, mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be retained or released is logged, and done by housekeeping or the next start."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source)
    await depot.prepare()
    source.down = "the IPFS daemon is away"
    await depot.delete("a")
    assert depot.interpreters() == ("b", "c")
    assert "did not keep or let go of a-1, will try again: the IPFS daemon is away" in caplog.text
    async with kept_house(depot):
        await trio.testing.wait_all_tasks_blocked(0.01)
        source.down = ""
        await until(lambda: source.kept == {"b-1", "c-1"}, mock_clock)
    source.kept = {"b-1", "old"}
    again = made(tmp_path, source)
    await again.prepare()
    assert source.kept == {"b-1", "c-1"}


async def test_a_store_that_is_not_open_yet(tmp_path: Path, mock_clock: trio.testing.MockClock) -> None:
    """What is installed of the same store is offered at once, the rest when the store opens."""
    await made(tmp_path, MemorySource({"a": Thing(10)})).prepare()
    source = MemorySource(ABC, opened=False)
    source.down = "nobody is there"
    depot = made(tmp_path, source)
    await depot.prepare()
    assert (depot.interpreters(), depot.could_install(), depot.trouble) == (("a",), (), "nobody is there")
    with pytest.raises(InstallFailed, match="cannot install 'b': nobody is there"):
        await depot.add("b")
    async with kept_house(depot):
        await trio.testing.wait_all_tasks_blocked(0.01)
        source.down = ""
        depot.wake()
        await until(lambda: depot.interpreters() == ("a", "b", "c"), mock_clock)
    assert depot.trouble == ""


async def test_another_store_that_is_not_open_yet(tmp_path: Path) -> None:
    """What is installed of another store is offered only once it is known to be the same."""
    await made(tmp_path, MemorySource(ABC)).prepare()
    source = MemorySource({**ABC, "a": Thing(300, version="2")}, opened=False, pool="other")
    source.down = "nobody is there"
    depot = made(tmp_path, source)
    await depot.prepare()
    assert (depot.interpreters(), depot.listing()) == ((), [])
    source.down = ""
    await depot.open()
    assert depot.interpreters() == ("b", "c")
    assert on_disk(tmp_path) == ["b", "c"]
    assert source.kept == {"b-1", "c-1"}


async def test_what_is_no_store(tmp_path: Path) -> None:
    """A store that is none is an error at the start and for each request: it will not become one."""

    def refuse(_: str) -> None:
        raise BadStore("it is a file")

    depot = made(tmp_path, MemorySource(ABC, opened=False, step=refuse))
    with pytest.raises(BadStore, match="it is a file"):
        await depot.prepare()
    with pytest.raises(InstallFailed, match="it is a file"):
        await depot.ensure("a")


async def test_without_a_store(tmp_path: Path) -> None:
    """Without a store, what is installed is offered, of whichever store it is."""
    await made(tmp_path, MemorySource(ABC)).prepare()
    depot = made(tmp_path, None)
    await depot.prepare()
    assert (depot.interpreters(), depot.could_install()) == (("a", "b", "c"), ())
    await depot.ensure("a")
    await depot.pin("a")
    assert (await depot.collect()).interpreters == ()


async def test_the_database_alone_tells_what_is_there(tmp_path: Path) -> None:
    """A command can list what is installed while the daemon runs."""
    depot = made(tmp_path, MemorySource({**ABC, "bad": Thing(10, "fail")}))
    await depot.prepare()
    await depot.pin("b")
    entries = recorded_entries(remembered(tmp_path))
    assert [(entry.name, entry.state, entry.pinned) for entry in entries] == [
        ("a", "installed", False),
        ("b", "installed", True),
        ("bad", "failed", False),
        ("c", "installed", False),
    ]


# --- a full disk


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x"), DiskFull("it is full")]
)
async def test_full_while_it_is_fetched(tmp_path: Path, error: Exception) -> None:
    """A full disk has its error, nothing is left, and the interpreter may be tried again."""
    source = MemorySource(ABC)
    depot = made(tmp_path, source)
    await depot.prepare(fill=False)
    source.trouble = error
    with pytest.raises(InstallFailed, match=r"cannot install a: .*is full"):
        await depot.ensure("a")
    assert (on_disk(tmp_path), remembered(tmp_path).failures) == ([], {})
    source.trouble = None
    await depot.ensure("a")


async def test_full_for_the_database(tmp_path: Path) -> None:
    """What cannot be remembered is not installed; a deletion makes room."""
    database = Database(tmp_path / "daemon" / "store.db")
    many = {f"{number:0200}": Thing(10) for number in range(60)}
    depot = Depot(
        tmp_path / "daemon",
        MemorySource(many),
        quick_warden(),
        max_size=10_000,
        database=database,
        on_change=Changes(),
    )
    connection = database._sqlite._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    await depot.prepare()
    installed = depot.interpreters()
    assert 0 < len(installed) < len(many)
    assert on_disk(tmp_path) == sorted(installed) == sorted(database.records().installed)
    missing = sorted(set(many) - set(installed))[-1]
    with pytest.raises(InstallFailed, match=r"is full\. Free some space"):
        await depot.ensure(missing)
    await depot.delete(installed[0])
    await depot.delete(installed[1])
    await depot.ensure(missing)
    assert on_disk(tmp_path) == sorted(depot.interpreters())


async def test_full_for_the_directory(tmp_path: Path) -> None:
    """A depot whose directory cannot be made on a full disk says so."""
    (tmp_path / "daemon").write_text("")
    with pytest.raises(DepotUnusable, match="Not a directory"):
        await made(tmp_path, None).prepare()


async def test_not_prepared(tmp_path: Path, warden: Warden) -> None:
    """Before `prepare`, nothing is offered, and a change is an error of the caller."""
    depot = made(tmp_path, MemorySource(ABC))
    assert (depot.interpreters(), depot.could_install()) == ((), ())
    with pytest.raises(RuntimeError, match="not prepared"):
        await depot.unpin("a")
