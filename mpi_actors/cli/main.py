"""The command `mpi-actors`."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

from ..errors import MpiActorsError, UsageError, leaves
from . import exit_codes
from .arguments.parse import (
    Arguments,
    BenchArguments,
    ChaosArguments,
    ConsoleOptions,
    DemoArguments,
    RunArguments,
    parse_arguments,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what a command line asks for; return the exit code. An error is one line on standard error.

    Args:
        argv: the words after the command's name; None for those of this process.
    """
    _have_standard_streams()
    debug = False
    try:
        arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
        debug = getattr(arguments, "debug", False)
        return _dispatch(arguments)
    except SystemExit as end:  # --help and --version
        return end.code if isinstance(end.code, int) else exit_codes.OK
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BaseExceptionGroup as group:
        return _explain(group, debug)
    except (MpiActorsError, OSError) as error:
        return _explain(error, debug)


def _dispatch(arguments: Arguments) -> int:
    # imported here: each command takes long to load, and a wrong flag needs none of them
    match arguments:
        case ConsoleOptions():
            from .console.app import run_console

            return run_console(arguments)
        case RunArguments():
            from .run.launch import run

            return run(arguments)
        case ChaosArguments():
            from .chaos.command import chaos

            return chaos(arguments)
        case DemoArguments(json):
            from .demo.demo import demo

            return demo(json=json)
        case BenchArguments(args):
            from ..bench.command import bench

            return bench(list(args))
        case _:
            from .content.command import run_content

            return run_content(arguments)


def _explain(error: Exception | BaseExceptionGroup, debug: bool) -> int:
    """Say what went wrong; return the exit code.

    Raises:
        Exception: `error` itself, if it has a cause that is a bug of ours.
    """
    found = list(leaves(error))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in found):
        return exit_codes.INTERRUPTED
    if not all(isinstance(leaf, (MpiActorsError, OSError)) for leaf in found):
        raise error
    # of several errors, a usage error says best what to do
    causes = [cause for leaf in found for cause in _causes(leaf)]
    chosen = next((cause for cause in causes if isinstance(cause, UsageError)), causes[0])
    if debug:
        traceback.print_exception(error)
    if not isinstance(chosen, BrokenPipeError):
        print(f"mpi-actors: {' '.join(_text(chosen).split())}", file=sys.stderr)
    return exit_codes.USAGE if isinstance(chosen, UsageError) else exit_codes.ERROR


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on; of a group, those of each error in it."""
    yield error
    if error.__cause__ is not None:
        for leaf in leaves(error.__cause__):
            yield from _causes(leaf)


def _have_standard_streams() -> None:
    """Open descriptors 0, 1 and 2 if they are closed: otherwise a socket could become one of them."""
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(file, True)
    os.close(file)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if sys.stderr is None:
        logging.raiseExceptions = False
