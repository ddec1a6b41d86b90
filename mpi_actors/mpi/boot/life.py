"""The life of a rank's process: begin, run the program, end as Python would, tell the daemon, linger."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ...wire.environment import CHANNEL, RankEnvironment
from .. import environment
from ..engine import engine
from ..engine.ending import linger, report_end, report_failure
from .program import NoProgramNamed, parse, run, without_us
from .seeds import seed_when_imported

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED = 130
_CANNOT_FLUSH = 120


class ProgramOutcome(NamedTuple):
    """How the program ended."""

    code: int
    """Its exit code."""
    crashed: bool = False
    """An exception ended it."""
    traceback: str = ""
    """Of that exception, if it is yet to be shown."""


def main() -> NoReturn:
    """Run the program that the command line names; does not return."""
    try:
        name, module, arguments = parse(sys.argv[1:])
    except NoProgramNamed as error:
        print(f"{sys.executable} -m mpi_actors.mpi.boot: {error}", file=sys.stderr)
        sys.exit(2)
    environment.booted()
    endpoint = engine()
    # processes that the program starts are not this rank
    watched = os.environ.pop(CHANNEL, None) is not None
    seed = RankEnvironment.read(os.environ).seed
    if seed is not None:
        seed_when_imported(str(seed), endpoint.rank)
    pid = os.getpid()
    outcome = outcome_of(name, module, arguments, lambda: watched and os.getpid() == pid)
    finish(outcome, ours=os.getpid() == pid)


def outcome_of(
    name: str, module: bool, arguments: list[str], watched: Callable[[], bool] = lambda: False
) -> ProgramOutcome:
    """Run the program; an exception is shown on standard error, as Python does, unless the daemon does.

    Args:
        name: of the script or module.
        module: whether it is one.
        arguments: the program's.
        watched: there is a daemon that is told of an exception.
    """
    try:
        run(name, module, arguments)
    except SystemExit as error:
        return ProgramOutcome(exit_code(error.code))
    except BaseException as error:  # noqa: BLE001  # whatever it is, it has ended the program
        code = _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        error.__traceback__ = without_us(error.__traceback__)
        if watched() and sys.excepthook is sys.__excepthook__:
            # of ranks that fail side by side, only the first one's is shown
            from traceback import format_exception

            return ProgramOutcome(code, True, "".join(format_exception(error)))
        show(error)
        return ProgramOutcome(code, True)
    return ProgramOutcome(0)


def exit_code(code: object) -> int:
    """What Python makes of the argument of SystemExit; a text is printed."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def show(error: BaseException) -> None:
    """Show an uncaught exception by `sys.excepthook`."""
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


def finish(outcome: ProgramOutcome, *, ours: bool) -> NoReturn:
    """What Python does at its end, then leave. `ours`: this is the rank's process, not a child of it."""
    code = outcome.code
    endpoint = engine()
    if outcome.crashed and ours:
        flush()
        # first of all: the job ends now, whatever else the program's threads and exit functions wait for
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
        if not outcome.crashed:
            report_end(endpoint, code)
        if not code:
            linger(endpoint)
    os._exit(code)


def flush() -> bool:
    """Write out what the program has printed; False if that was not possible."""
    good = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            good = False
    return good
