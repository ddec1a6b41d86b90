"""How a program ended: the kinds of end, and their words."""

from __future__ import annotations

import signal

import pytest

from mpi_actors.process import Exit


@pytest.mark.parametrize(
    ("exit", "ok", "killed", "text"),
    [
        (Exit(code=0), True, False, "exit code 0"),
        (Exit(code=3), False, False, "exit code 3"),
        (Exit(signal=signal.SIGKILL), False, True, "killed by SIGKILL"),
        (Exit(signal=signal.SIGHUP), False, True, "killed by SIGHUP"),
        (Exit(signal=signal.SIGSEGV), False, False, "crashed with SIGSEGV"),
        (Exit(signal=signal.SIGXCPU), False, False, "crashed with SIGXCPU"),
        (Exit(signal=signal.SIGRTMIN + 3), False, True, f"killed by signal {signal.SIGRTMIN + 3}"),
        (Exit(lost=True), False, True, "lost with its warden"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_ends(exit: Exit, ok: bool, killed: bool, text: str) -> None:
    """A failure of the program itself differs from an end that came from outside."""
    assert (exit.ok, exit.killed, exit.describe()) == (ok, killed, text)
