"""`run`: one program on a pool of daemons that lives as long as the program, as with mpiexec.

Exit codes: the program's; 2 if the arguments cannot be used; 3 if the job failed without an exit code;
128 + the signal's number after a signal.
"""

from __future__ import annotations

import difflib
import errno
import shlex
import signal
from collections.abc import AsyncIterable
from pathlib import Path

import trio

from ...depot.sources.directory import missing_files, single
from ...errors import BadStore, MpiActorsError, Ungrouped, UsageError
from ...events import Event
from ...pool.local.job import LocalJob
from ...pool.local.peer import LocalPeer
from ...pool.local.pool import LocalPool, open_local_pool
from ...pool.local.script import module, script
from ...programs.manifest import protocol_of
from ...wire.script import ScriptProgram
from .. import exit_codes
from ..arguments.run import RunArguments
from ..arguments.values import with_help
from ..signals import receive_ending
from .input import standard_input
from .output import Output, Terminal

_NAMES_SHOWN = 12
"""Interpreters that an error names: as many as fit into two lines of a terminal."""


def run(options: RunArguments) -> int:
    """Run the program to its end, and return the exit code. Nothing of the pool is left behind.

    Lines of an mpi4py program go to the stream to which the rank wrote them. Of other programs, the log of
    rank 0 goes to standard output; the logs of other ranks, and standard error of all, go to standard error.
    Standard error also gets losses and replacements, and on SIGQUIT what each rank does or waits for.
    """
    terminal = Terminal()
    try:
        return trio.run(_run, options, terminal)
    except KeyboardInterrupt:  # outside of `_watch_signals`
        return exit_codes.INTERRUPTED
    except UsageError as error:
        terminal.say(f"mpi-actors: {error}")
        return exit_codes.USAGE
    except MpiActorsError as error:
        terminal.say(f"mpi-actors: {type(error).__name__}: {error}")
        return exit_codes.JOB_FAILED
    except OSError as error:
        if error.errno == errno.EPIPE:
            return exit_codes.after_signal(signal.SIGPIPE)
        terminal.say(f"mpi-actors: cannot write: {error.strerror}")
        return exit_codes.JOB_FAILED


def find_program(program: str, store: Path | None, size: int = 1) -> Path:
    """Return the interpreter's directory or the script that the command line names.

    Args:
        program: a path, or the name of an interpreter in the store.
        store: a directory of interpreters, if there is one.
        size: the number of ranks, for the example in an error's text.

    Raises:
        UsageError: there is no such program; the text says what is missing.
    """
    try:
        found = _found(program, store)
    except OSError as error:
        wrong = f"no program {program[:60]!r}: {error.strerror}"
        raise UsageError(with_help(wrong, "mpi-actors run")) from error
    if found is not None:
        return found
    if store is not None and "/" not in program:
        held = store
        wrong = f"no interpreter {program!r} in {str(store)!r}: {_lacks(store / program)}"
    else:
        held = Path(program)
        wrong = f"no program {program!r}: {_lacks(held)}"
    names = _interpreters_in(held)
    if names:
        [alike] = difflib.get_close_matches(program, names, n=1) or names[:1]
        shown = ", ".join(names[:_NAMES_SHOWN] + (["…"] if len(names) > _NAMES_SHOWN else []))
        ranks = ["-n", str(size)] if size > 1 else []
        example = shlex.join(["mpi-actors", "run", *ranks, str(held / alike)])
        wrong += f"; {str(held)!r} holds {shown}. Try: {example}"
    raise UsageError(with_help(wrong, "mpi-actors run"))


def _found(program: str, store: Path | None) -> Path | None:
    if store is not None and "/" not in program and not missing_files(store / program):
        return store / program
    place = Path(program)
    return place if place.is_file() or not missing_files(place) else None


def _lacks(place: Path) -> str:
    if not place.exists():
        return "there is no such file or directory"
    if not place.is_dir():
        return "it is neither a file nor a directory"
    return f"the directory has no {' and no '.join(missing_files(place))}"


def _interpreters_in(place: Path) -> list[str]:
    """Return the names of the interpreters in a directory; none if it cannot be read."""
    try:
        found = [each.name for each in place.iterdir() if not missing_files(each)]
    except OSError:
        return []
    return sorted(name for name in found if not name.startswith("."))


async def _run(options: RunArguments, terminal: Terminal) -> int:
    received: list[int] = []
    running: list[LocalJob] = []
    body = Ungrouped()
    code = exit_codes.JOB_FAILED
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, received, nursery.cancel_scope)
        await nursery.start(_answer_questions, running, terminal)
        with body:
            code = await _run_job(options, terminal, running)
        nursery.cancel_scope.cancel()
    if received:
        return exit_codes.after_signal(received[0])
    body.reraise()
    return code


async def _watch_signals(
    received: list[int], scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    with receive_ending() as numbers:
        task_status.started()
        async for number in numbers:
            received.append(number)
            scope.cancel()
            await trio.sleep_forever()


async def _answer_questions(
    running: list[LocalJob], terminal: Terminal, *, task_status: trio.TaskStatus[None]
) -> None:
    """After each SIGQUIT, which Ctrl-\\ sends, say what the ranks do or wait for."""
    with trio.open_signal_receiver(signal.SIGQUIT) as signals:
        task_status.started()
        async for _ in signals:
            try:
                lines = await running[0].why() if running else ["mpi-actors: the daemons are starting"]
            except MpiActorsError as error:
                lines = [f"mpi-actors: {type(error).__name__}: {error}"]
            await terminal.write(2, "".join(f"{line}\n" for line in lines))


async def _run_job(options: RunArguments, terminal: Terminal, running: list[LocalJob]) -> int:
    _check(options)
    program = program_of(options)
    mpi = await uses_mpi(program)
    unwritten: OSError | None = None
    async with Output(terminal, options.events, mpi=mpi, prefix=options.prefix) as output:
        with trio.CancelScope() as scope:

            async def on_event(peer: LocalPeer, time: float, event: Event) -> None:
                nonlocal unwritten
                try:
                    await output.on_event(peer.index, time, event)
                except OSError as error:
                    # nobody reads the output any more
                    unwritten = unwritten or error
                    scope.cancel()

            store = None if isinstance(program, ScriptProgram) else program
            async with open_local_pool(
                store, peers=options.peers, debug=options.debug, on_event=on_event
            ) as pool:
                job = await start_on(pool, program, options, standard_input() if mpi else None)
                running.append(job)
                result = await job.wait()
        if unwritten is not None:
            raise unwritten
        await output.conclude(result)
        return result.exit_code


def program_of(options: RunArguments) -> ScriptProgram | Path:
    """Return what to run: a script or a module, or an interpreter's directory.

    Raises:
        UsageError: there is no such program.
    """
    if options.module:
        try:
            return module(options.program)
        except UsageError as error:
            raise UsageError(with_help(str(error), "mpi-actors run")) from error
    place = find_program(options.program, options.store, options.size)
    return script(place) if place.is_file() else place


async def uses_mpi(program: ScriptProgram | Path) -> bool:
    """Return whether a program uses mpi4py, and does not speak lines."""
    if isinstance(program, ScriptProgram):
        return True
    return await trio.to_thread.run_sync(protocol_of, program) == "mpi"


async def start_on(
    pool: LocalPool,
    program: ScriptProgram | Path,
    options: RunArguments,
    stdin: AsyncIterable[bytes] | None = None,
) -> LocalJob:
    """Start the program on a pool.

    Args:
        pool: the pool; if the program is an interpreter, the pool has it as its store.
        program: what `program_of` returned.
        options: what a person wants.
        stdin: the standard input of rank 0; None for no input.

    Raises:
        UsageError: the program cannot be run so.
    """
    size, args = options.size, options.args
    restart, replay = options.restart, options.replay
    if isinstance(program, ScriptProgram):
        return await pool.start_script(program, size, *args, restart=restart, replay=replay, stdin=stdin)
    try:
        [name] = single(program).names()
    except BadStore as error:
        raise UsageError(str(error)) from error
    return await pool.start(name, size, *args, restart=restart, replay=replay, stdin=stdin)


def _check(options: RunArguments) -> None:
    if options.size < 1:
        raise UsageError(f"the number of ranks must be at least 1, not {options.size}")
    if options.peers < 1:
        raise UsageError(f"the number of peers must be at least 1, not {options.peers}")
