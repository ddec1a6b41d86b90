"""What commands show on a terminal, with and without a bar."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from console_content import ECHO, ROOT, RUN

CHILD = Path(__file__).parents[2] / "support" / "console_content.py"
PATIENCE = 600.0
"""Seconds without progress after which a test fails, even on the busiest machine."""
ADDED = [f"added {RUN} store/echo/run.py", f"added {ECHO} store/echo", f"added {ROOT} store"]
_TERMINAL = (
    "import fcntl, os, struct, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0);"
    "fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0));"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


class Running:
    """A command whose standard error is a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int) -> None:
        self.process = process
        self.shown = ""
        """Everything that the command sent to the terminal."""
        self._reading = reading

    def type(self, text: str) -> None:
        """Type a text at the terminal, as a person does."""
        os.write(self._reading, text.encode())

    def until(self, text: str) -> None:
        """Wait until a text is shown."""
        while text not in self.shown:
            assert self._read(), f"it ended before {text!r}: {self.shown!r}"

    def end(self) -> int:
        """Wait for the command's end; return its exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def lines(self) -> list[str]:
        """Return the lines that a person sees at the end."""
        found = []
        for line in self.shown.split("\n"):
            seen = ""
            for part in line.split("\r"):
                seen = part + seen[len(part) :]
            found.append(seen.rstrip())
        return found

    def _read(self) -> bool:
        ready, _, _ = select.select([self._reading], [], [], PATIENCE)
        assert ready, f"it said nothing more: {self.shown!r}"
        try:
            data = os.read(self._reading, 65536)
        except OSError:  # the other side of a pseudo-terminal has gone
            data = b""
        self.shown += data.decode()
        return bool(data)


@contextmanager
def running(*argv: str, width: int = 80, stdout: int | None = None) -> Iterator[Running]:
    """Run a command; its standard output is the same terminal, or `stdout`."""
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _TERMINAL, str(width), str(CHILD), *argv],
            stdin=subprocess.DEVNULL, stdout=theirs if stdout is None else stdout, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(theirs)
    try:
        with process:
            try:
                yield Running(process, ours)
            finally:
                process.kill()
    finally:
        os.close(ours)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_bar_is_drawn_on_a_terminal_and_removed_when_stopped(width: int) -> None:
    """The bar never reaches the last column; after Ctrl-C the exit code is 130 and the bar is gone."""
    with running("publish", "stuck", width=width) as command:
        command.until("50%")
        command.until("B/s")
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 130
        drawn = [part.rstrip() for part in command.shown.replace("\n", "\r").split("\r")]
        assert all(len(part) < width for part in drawn)
        assert ("[" in command.shown) == (width >= 80)
        assert command.lines() == [""]


def test_a_typed_ctrl_c_ends_a_command_too(tmp_path: Path) -> None:
    """Here Ctrl-C comes from a person through the terminal, which echoes it."""
    with running("get", str(ROOT), str(tmp_path / "stuck")) as command:
        command.until("50%")
        command.type("\x03")
        assert command.end() == 130
        assert command.lines() == [""]


def test_lines_stand_above_the_bar_and_only_they_stay() -> None:
    """After a publication that ends well, only its lines are left."""
    with running("publish", "store") as command:
        assert command.end() == 0
        assert command.lines() == [*ADDED, ""]


def test_the_bar_is_drawn_when_only_standard_error_is_a_terminal() -> None:
    """The output can go into a file, which has the lines and nothing else."""
    with running("publish", "stuck", stdout=subprocess.PIPE) as command:
        command.until("50%")
        command.process.send_signal(signal.SIGTERM)
        assert command.end() == 143
        assert command.process.stdout is not None
        assert command.process.stdout.read() == b""


@pytest.mark.parametrize("flags", [["-q"], ["-q", "--json"]])
def test_a_quiet_publication_has_no_bar(flags: list[str]) -> None:
    """With `-q`, only the root is shown."""
    with running("publish", *flags, "store") as command:
        assert command.end() == 0
        assert "%" not in command.shown
        assert str(ROOT) in command.lines()[0]
        assert len(command.lines()) == 2


def test_there_is_no_bar_without_a_terminal() -> None:
    """Standard error stays empty, and a signal still ends the command."""
    done = subprocess.run(
        [sys.executable, str(CHILD), "publish", "store"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ADDED, "")


def test_an_error_is_shown_where_the_bar_was() -> None:
    """The error is one line, which begins at the left edge."""
    with running("get", f"{ROOT}/nothing", "x") as command:
        assert command.end() == 1
        [line, rest] = command.lines()
        assert line.startswith("mpi-actors: there is no /ipfs/")
        assert rest == ""


def test_a_reader_that_goes_ends_a_command() -> None:
    """A reader such as `head` goes: the command ends quietly with exit code 1."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, str(CHILD), "list"],
            stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_full_disk_is_told() -> None:
    """The command says that standard output cannot be written."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, str(CHILD), "list"],
            stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "mpi-actors: cannot write: No space left on device\n")
