"""The life of a rank's process: begin, run the program, end as Python would, tell the daemon, linger.

To linger is to stay after a good end, until the daemon says that the job is over: others may need messages
again.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ...wire.environment import CHANNEL, ENTROPY, PAGE, PROCESS, RankEnvironment
from .. import environment
from ..engine import engine
from ..engine.ending import linger, report_end, report_failure
from .leaving import Leaving
from .program import EXIT_USAGE, NoProgramNamed, parse, run, without_us
from .repeatable import make_repeatable
from .signals import DeferredSignals

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED = 130
"""The exit code after KeyboardInterrupt: 128 + SIGINT, as shells have it."""
_CANNOT_FLUSH = 120
"""The exit code where the output cannot be flushed at the end; Python's own (`Py_RunMain`)."""


class ProgramOutcome(NamedTuple):
    """How the program ended."""

    code: int
    """Its exit code."""
    crashed: bool = False
    """An exception ended it."""
    traceback: str = ""
    """The traceback of that exception, if the daemon must still show it."""


def main() -> NoReturn:
    """Run the program that the command line names, and end the process."""
    try:
        name, module, arguments = parse(sys.argv[1:])
    except NoProgramNamed as error:
        print(f"{sys.executable} -m mpi_actors.mpi.boot: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    environment.on_boot()
    endpoint = engine()
    # processes that the program starts must not take themselves for this rank
    given = RankEnvironment.read(os.environ)
    watched = os.environ.pop(CHANNEL, None) is not None
    os.environ.pop(ENTROPY, None)
    os.environ.pop(PAGE, None)
    make_repeatable(given, endpoint)
    signals = DeferredSignals(endpoint)
    signals.install()
    leaving = Leaving(endpoint, signals) if watched else None
    if leaving is not None:
        leaving.install()
    pid = os.getpid()
    os.environ[PROCESS] = str(pid)
    outcome = outcome_of(name, module, arguments, lambda: watched and os.getpid() == pid)
    finish(outcome, ours=os.getpid() == pid, leaving=leaving)


def outcome_of(
    name: str, module: bool, arguments: list[str], watched: Callable[[], bool] = lambda: False
) -> ProgramOutcome:
    """Run the program, and return how it ended.

    If no daemon can show an exception, it goes to standard error, as it would in plain Python.

    Args:
        name: the path of the script or the name of the module.
        module: whether `name` is a module.
        arguments: the program's arguments.
        watched: returns whether this process has a daemon, which then shows the exception.
    """
    try:
        run(name, module, arguments)
    except SystemExit as error:
        return ProgramOutcome(exit_code(error.code))
    except BaseException as error:  # noqa: BLE001  # any exception ends the program
        code = _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        error.__traceback__ = without_us(error.__traceback__)
        if watched() and sys.excepthook is sys.__excepthook__:
            # the daemon shows only the first one of ranks that fail side by side
            from traceback import format_exception

            return ProgramOutcome(code, True, "".join(format_exception(error)))
        show(error)
        return ProgramOutcome(code, True)
    return ProgramOutcome(0)


def exit_code(code: object) -> int:
    """Return the exit code that Python makes of the argument of SystemExit. Print a text, as Python does."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def show(error: BaseException) -> None:
    """Show an uncaught exception with `sys.excepthook`, as Python does."""
    flush()
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        pass
    except BaseException as second:  # noqa: BLE001  # Python shows both
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)


def finish(outcome: ProgramOutcome, *, ours: bool, leaving: Leaving | None = None) -> NoReturn:
    """Do what Python does at its end, tell the daemon, and end the process.

    Args:
        outcome: how the program ended.
        ours: whether this is the rank's process, and not a child that it forked.
        leaving: how a rank leaves that has a daemon.
    """
    code = outcome.code
    endpoint = engine()
    if outcome.crashed and ours:
        flush()
        if leaving is not None:
            leaving.take_turn()
        # before anything else: the job ends now, even if the program's threads and exit functions still wait
        status = environment.abort_status()
        report_failure(endpoint, status or code, outcome.traceback, aborts=status != 0)
    threading = sys.modules.get("threading")
    if threading is not None and not outcome.crashed:
        threading._shutdown()
    atexit._run_exitfuncs()
    if ours and (not code or environment.abort_status()):
        environment.leave()
    if not flush() and not code:
        code = _CANNOT_FLUSH
    if ours:
        if leaving is not None:
            leaving.take_turn()
            if not code:
                leaving.leave()
        if not outcome.crashed:
            report_end(endpoint, code)
        if not code:
            linger(endpoint)
    os._exit(code)


def flush() -> bool:
    """Write out what the program has printed, and return whether that was possible."""
    good = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            good = False
    return good
