"""The commands of the console: one registry, from which help and completion derive."""

from __future__ import annotations

import difflib
import enum
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from ..errors import UnknownInterpreter, UsageError
from ..job import Job
from ..ledger import Phase
from ..store.size import format_size
from .show import short_peer
from .tables import one_line, seconds_text, table
from .tree import dropped_lines, tree_lines

if TYPE_CHECKING:
    from .console import Console


class Names(enum.Enum):
    """What the arguments of a command name, for completion."""

    NOTHING = enum.auto()
    COMMANDS = enum.auto()
    INSTALLED = enum.auto()
    AVAILABLE = enum.auto()
    JOBS = enum.auto()


Run = Callable[["Console", Sequence[str]], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Command:
    """One command."""

    name: str
    usage: str
    summary: str
    run: Run
    least: int
    """Arguments that it must have."""
    most: int | None
    """Arguments that it may have; None for any number."""
    names: Names
    only_first: bool
    """Only its first argument is such a name."""


REGISTRY: dict[str, Command] = {}
"""Commands by name, in the order in which `help` shows them."""


def find(word: str) -> Command:
    """The command of that name, in letters of either case.

    Raises:
        UsageError: there is none; the text names the closest one.
    """
    command = REGISTRY.get(word.lower())
    if command is not None:
        return command
    close = difflib.get_close_matches(word.lower(), REGISTRY, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`help` lists the commands"
    raise UsageError(f"there is no command {one_line(word, 40)!r}; {hint}")


def split(line: str) -> list[str]:
    """The words of a line, quoted as in a shell.

    Raises:
        UsageError: a quotation does not end.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"cannot read that line: {str(error).lower()}") from None


def check_count(command: Command, arguments: Sequence[str]) -> None:
    """Refuse too few or too many arguments.

    Raises:
        UsageError: the text has the usage.
    """
    if len(arguments) < command.least or (command.most is not None and len(arguments) > command.most):
        raise UsageError(f"usage: {command.usage}")


def _command(
    usage: str, summary: str, least: int = 0, most: int | None = 0, names: Names = Names.NOTHING,
    *, only_first: bool = False,
) -> Callable[[Run], Run]:  # fmt: skip
    def register(run: Run) -> Run:
        name = usage.split()[0]
        REGISTRY[name] = Command(
            name=name, usage=usage, summary=summary, run=run, least=least, most=most, names=names,
            only_first=only_first,
        )  # fmt: skip
        return run

    return register


# --- interpreters -----------------------------------------------------------------------------------------


@_command("list", "show the interpreters: those installed here and those in the store")
async def _list(console: Console, _: Sequence[str]) -> None:
    await console.prepared()
    rows = [
        (entry.name, format_size(entry.size), entry.state, str(entry.in_use or ""), one_line(entry.detail))
        for entry in console.node.depot.listing()
    ]
    if rows:
        console.say_lines(table(("name", "size", "state", "in use", "detail"), rows))
    else:
        console.say("no interpreters: start with -ipfs-store DIR")


@_command("add NAMES…", "install interpreters of the store", 1, None, Names.AVAILABLE)
async def _add(console: Console, names: Sequence[str]) -> None:
    await console.prepared()

    async def add(name: str) -> None:
        added = await console.node.depot.add(name)
        console.news(f"{name} is installed" if added else f"{name} was installed already")

    await console.each(names, add)


@_command("del NAMES…", "remove installed interpreters; `add` brings them back", 1, None, Names.INSTALLED)
async def _del(console: Console, names: Sequence[str]) -> None:
    await console.prepared()

    async def delete(name: str) -> None:
        await console.node.depot.delete(name)
        console.news(f"{name} is removed")

    await console.each(names, delete)


# --- jobs -------------------------------------------------------------------------------------------------


@_command(
    "start FILE N ARGS…", "start a job: N ranks of the interpreter FILE", 2, None, Names.INSTALLED,
    only_first=True,
)  # fmt: skip
async def _start(console: Console, arguments: Sequence[str]) -> None:
    program, number, *args = arguments
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", number):
        text = f"the number of ranks must be a whole number, not {one_line(number, 40)!r}"
        raise UsageError(f"{text}; usage: {REGISTRY['start'].usage}")
    await console.prepared()
    try:
        job = await console.node.daemon.start_job(program, int(number), args)
    except UnknownInterpreter as error:
        for entry in console.node.depot.listing():
            if entry.name == program and entry.detail:
                raise UnknownInterpreter(f"{program} is not installed: {entry.detail}") from error
        raise
    console.own(job)


@_command("jobs", "show the jobs that were started here")
async def _jobs(console: Console, _: Sequence[str]) -> None:
    rows = [
        (job.id, job.spec.program, str(job.spec.size), _state(job), seconds_text(console.seconds_of(job)))
        for job in console.node.daemon.jobs.values()
    ]
    if rows:
        console.say_lines(table(("job", "program", "ranks", "state", "time"), rows))
    else:
        console.say("no jobs yet: `start FILE N ARGS…` starts one")


def _state(job: Job) -> str:
    if job.result is not None:
        return "finished" if job.result.ok else "failed"
    vacant = [seat.rank for seat in job.ledger.seats if seat.phase is Phase.VACANT]
    return f"waiting: rank {vacant[0]}" if vacant else "running"


@_command("logs JOB", "show again what a job logged", 1, 1, Names.JOBS)
async def _logs(console: Console, arguments: Sequence[str]) -> None:
    job = console.job(arguments[0])
    if job.log.dropped:
        console.say(f"({job.log.dropped} older lines are gone)")
    for line in job.log:
        mark = f"[{line.rank} stderr] " if line.stream == "stderr" else f"[{line.rank}] " if line.rank else ""
        console.say(mark + line.text)


@_command("why JOB", "show what each rank of a job does or waits for", 1, 1, Names.JOBS)
async def _why(console: Console, arguments: Sequence[str]) -> None:
    console.say_lines(await console.job(arguments[0]).why())


@_command("kill JOB", "end a job", 1, 1, Names.JOBS)
async def _kill(console: Console, arguments: Sequence[str]) -> None:
    job = console.job(arguments[0])
    if job.result is not None:
        raise UsageError(f"job {job.id} is over already")
    job.kill()
    await job.wait()


# --- peers ------------------------------------------------------------------------------------------------


@_command("peers", "show the peers of the pool that are connected")
async def _peers(console: Console, _: Sequence[str]) -> None:
    daemon = console.node.daemon
    now = trio.current_time()
    rows = [
        (
            short_peer(record.peer),
            f"{record.latency * 1000:.1f}" if record.latency else "?",
            f"{record.capacity.running}/{record.capacity.slots}",
            str(len(record.capacity.interpreters)),
            seconds_text(now - record.since),
            next(iter(record.addresses), "?"),
        )
        for record in daemon.roster
    ]
    own = daemon.capacity()
    here = (
        f"{short_peer(daemon.local)} (here)", "", f"{own.running}/{own.slots}", str(len(own.interpreters)),
        "", next(iter(daemon.transport.addresses), ""),
    )  # fmt: skip
    head = ("peer", "latency/ms", "running/slots", "interpreters", "for", "address")
    console.say_lines(table(head, [here, *rows]))


@_command("connect ADDR", "connect to a peer, and stay or become connected from now on", 1, 1)
async def _connect(console: Console, arguments: Sequence[str]) -> None:
    record = await console.node.daemon.connect(arguments[0])
    console.news(f"connected to {short_peer(record.peer)}")


@_command("tree", "show this peer's actors, and what was dropped or turned away")
async def _tree(console: Console, _: Sequence[str]) -> None:
    daemon = console.node.daemon
    console.say_lines(tree_lines(daemon.supervisor.snapshot()))
    letters = daemon.dead_letters.report()
    console.say_lines(dropped_lines(letters, daemon.router.dropped, daemon.protocol_errors()))


# --- the console itself -----------------------------------------------------------------------------------


@_command("help [COMMAND]", "show the commands, or how one is used", 0, 1, Names.COMMANDS)
async def _help(console: Console, arguments: Sequence[str]) -> None:
    if arguments:
        command = find(arguments[0])
        console.say(f"{command.usage}: {command.summary}")
        return
    console.say_lines(table(("command", ""), [(each.usage, each.summary) for each in REGISTRY.values()]))
    console.say("Words are quoted as in a shell. JOB may be the first letters of a job's name.")


@_command("exit", "wait for the jobs that were started here, and end this peer")
async def _exit(console: Console, _: Sequence[str]) -> None:
    console.leaving = True
