"""The commands on jobs, peers and the console itself; `commands_content` has the other commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from ...coordination.seats import Phase
from ...errors import UnknownInterpreter, UsageError
from ...ids import short_peer
from ...jobs.job import Job
from ..text.tables import one_line, seconds_text, table
from ..text.tree import dropped_lines, tree_lines
from .registry import REGISTRY, Names, command, find

if TYPE_CHECKING:
    from .console import Console

# --- jobs -------------------------------------------------------------------------------------------------


@command(
    "start FILE N ARGS…", "start a job: run the interpreter FILE with N ranks", 2, None, Names.INSTALLED,
    only_first=True,
)  # fmt: skip
async def _start(console: Console, arguments: Sequence[str]) -> None:
    program, number, *args = arguments
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", number):
        text = f"the number of ranks must be a whole number, not {one_line(number, 40)!r}"
        raise UsageError(f"{text}; usage: {REGISTRY['start'].usage}")
    starter = console.real.daemon.starter
    if program not in (*starter.interpreters(), *starter.installable()):
        await console.prepared()
    try:
        job = await console.real.daemon.start_job(program, int(number), args)
    except UnknownInterpreter as error:
        for entry in console.real.depot.listing():
            if entry.name == program and entry.detail:
                raise UnknownInterpreter(f"{program} is not installed: {entry.detail}") from error
        raise
    console.own(job)


@command("jobs", "show the jobs that this peer has started, with their states")
async def _jobs(console: Console, _: Sequence[str]) -> None:
    rows = [
        (job.id, job.spec.program, str(job.spec.size), _state(job), seconds_text(console.seconds_of(job)))
        for job in console.real.daemon.jobs.values()
    ]
    if rows:
        console.say_lines(table(("job", "program", "ranks", "state", "time"), rows))
    else:
        console.say("there are no jobs yet: `start FILE N ARGS…` starts one")


def _state(job: Job) -> str:
    if job.result is not None:
        return "finished" if job.result.ok else "failed"
    vacant = [seat.rank for seat in job.decisions.seats if seat.phase is Phase.VACANT]
    return f"waiting: rank {vacant[0]}" if vacant else "running"


@command("logs JOB", "show again what a job has logged", 1, 1, Names.JOBS)
async def _logs(console: Console, arguments: Sequence[str]) -> None:
    job = console.job(arguments[0])
    if job.log.dropped:
        console.say(f"({job.log.dropped} older lines were dropped)")
    for line in job.log:
        mark = f"[{line.rank} stderr] " if line.stream == "stderr" else f"[{line.rank}] " if line.rank else ""
        console.say(mark + line.text)


@command("why JOB", "show what each rank of a job does, or what it waits for", 1, 1, Names.JOBS)
async def _why(console: Console, arguments: Sequence[str]) -> None:
    console.say_lines(await console.job(arguments[0]).why())


@command("kill JOB", "end a job, and all its ranks", 1, 1, Names.JOBS)
async def _kill(console: Console, arguments: Sequence[str]) -> None:
    job = console.job(arguments[0])
    if job.result is not None:
        raise UsageError(f"job {job.id} has ended already")
    job.kill()
    await job.wait()


# --- peers ------------------------------------------------------------------------------------------------


@command("peers", "show the peers of the pool to which this peer is connected")
async def _peers(console: Console, _: Sequence[str]) -> None:
    daemon = console.real.daemon
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


@command("connect ADDR", "connect to a peer, and connect again whenever the connection is lost", 1, 1)
async def _connect(console: Console, arguments: Sequence[str]) -> None:
    record = await console.real.daemon.connect(arguments[0])
    console.news(f"connected to {short_peer(record.peer)}")


@command("tree", "show this peer's actors, and which messages it dropped or refused")
async def _tree(console: Console, _: Sequence[str]) -> None:
    daemon = console.real.daemon
    console.say_lines(tree_lines(daemon.supervisor.snapshot()))
    letters = daemon.dead_letters.report()
    console.say_lines(dropped_lines(letters, daemon.router.dropped, daemon.protocol_errors()))


# --- the console itself -----------------------------------------------------------------------------------


@command("help [COMMAND]", "show all commands, or how to use one", 0, 1, Names.COMMANDS)
async def _help(console: Console, arguments: Sequence[str]) -> None:
    if arguments:
        found = find(arguments[0])
        console.say(f"{found.usage}: {found.summary}")
        return
    console.say_lines(table(("command", ""), [(each.usage, each.summary) for each in REGISTRY.values()]))
    console.say("Quote words as in a shell. JOB may be the first letters of a job's id.")


@command("exit", "wait for the jobs that this console started, then end this peer")
async def _exit(console: Console, _: Sequence[str]) -> None:
    console.leaving = True
