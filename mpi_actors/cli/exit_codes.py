"""The exit codes of all commands."""

from __future__ import annotations

import signal

from ..coordination.result import EXIT_JOB_FAILED

OK = 0
"""The command did what it was asked for. `run` exits with the exit code of its program instead."""
ERROR = 1
"""The command failed; one line on standard error says why. The two answers of `demo` differ."""
USAGE = 2
"""A command line, or a command at the console, cannot be used. Shells and argparse use the same code."""
JOB_FAILED = EXIT_JOB_FAILED
"""A job failed without an exit code of its program."""


def after_signal(number: int) -> int:
    """Return the exit code of a command that a signal of that number ended, as shells give it."""
    return 128 + number


INTERRUPTED = after_signal(signal.SIGINT)
"""Ctrl-C ended the command."""
