"""Consoles as processes, on pipes and on pseudo-terminals, for end-to-end tests."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "example"
PATIENCE = 600.0
"""Seconds without progress after which a test fails: more than the busiest machine needs."""

_ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")


def make_store(directory: Path, *names: str) -> Path:
    """A store with some of the examples."""
    for name in names:
        shutil.copytree(EXAMPLE / name, directory / name)
    return directory


def command(path: Path, *flags: str) -> list[str]:
    """The arguments of a console that only this test knows of."""
    return ["-m", "mpi_actors", "-path", str(path), "--no-mdns", *flags]


def run(
    path: Path, *flags: str, lines: Sequence[str] = (), text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a console on a pipe to its end."""
    given = "".join(f"{line}\n" for line in lines) if text is None else text
    return subprocess.run(
        [sys.executable, *command(path, *flags)],
        input=given, capture_output=True, text=True, timeout=PATIENCE, check=False, start_new_session=True,
    )  # fmt: skip


def is_one_line_error(done: subprocess.CompletedProcess[str]) -> bool:
    """Exit code 2 and one line on standard error, and nothing else."""
    found = done.returncode == 2 and done.stderr.count("\n") == 1 and done.stdout == ""
    return found and done.stderr.startswith("mpi-actors: ")


class Child:
    """A running console: what it shows can be waited for."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self.process = process
        self.all = ""
        """What was shown so far and passed by `until`, without escape sequences."""
        self._reading = reading
        self._writing = writing
        self._rest = ""

    def send(self, text: str) -> None:
        """Type."""
        os.write(self._writing, text.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until something like `pattern` is shown; what came before it is passed by."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self._rest)):
            ready, _, _ = select.select([self._reading], [], [], max(0.0, end - time.monotonic()))
            data = _read(self._reading) if ready else b""
            if not data:
                what = "ended" if ready else "said nothing more"
                raise AssertionError(f"{what} before {pattern!r}; it showed:\n{self.all}{self._rest}")
            # an escape sequence may come in two parts: it is complete before the next match
            self._rest = _ESCAPES.sub("", self._rest + data.decode(errors="replace"))
        self.all += self._rest[: found.end()]
        self._rest = self._rest[found.end() :]
        return found

    def rest(self) -> str:
        """What it shows until its end, for those who want to know why it ended."""
        while data := _read(self._reading):
            self._rest += data.decode(errors="replace")
        return self._rest

    def signal(self, number: int) -> None:
        """Send a signal to the console only."""
        self.process.send_signal(number)

    def settings(self) -> list[object]:
        """How the pseudo-terminal is set."""
        return termios.tcgetattr(self._reading)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(seconds)


@contextmanager
def console(path: Path, *flags: str) -> Iterator[Child]:
    """A console on pipes; standard error goes where standard output goes."""
    process = subprocess.Popen(
        [sys.executable, *command(path, *flags)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Child(process, process.stdout.fileno(), process.stdin.fileno())
        finally:
            process.kill()


@contextmanager
def terminal_console(path: Path, *flags: str) -> Iterator[Child]:
    """A console that a person could sit at."""
    ours, theirs = os.openpty()
    env = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_A_TERMINAL, *command(path, *flags)],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=env,
        )  # fmt: skip
    finally:
        os.close(theirs)
    try:
        with process:
            try:
                yield Child(process, ours, ours)
            finally:
                process.kill()
    finally:
        os.close(ours)


def left_behind(session: int, path: Path) -> list[str]:
    """What still runs of a session, or inside of a directory, once it had a moment to go."""
    for _ in range(100):
        found = [entry for entry in os.listdir("/proc") if entry.isdigit() and _is_of(entry, session, path)]
        if not found:
            return []
        time.sleep(0.02)
    return found


def _is_of(pid: str, session: int, path: Path) -> bool:
    try:
        if os.getsid(int(pid)) == session:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return os.readlink(f"/proc/{pid}/cwd").startswith(str(path))
    except OSError:
        return False


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # the other side of a pseudo-terminal has gone
        return b""
