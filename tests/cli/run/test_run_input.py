"""Standard input of `run`: files, devices, terminals."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

READ = """if True:
    import sys, trio
    from mpi_actors.cli.run.input import standard_input

    async def main():
        async for data in standard_input():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    trio.run(main)
    print("END", flush=True)
"""

IN_THE_BACKGROUND = """if True:
    import fcntl, os, signal, subprocess, sys, termios, time
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    reader = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, process_group=0)
    ignored = 0
    while not ignored >> signal.SIGTTIN - 1 & 1:  # the reader has not begun to read
        if reader.poll() is not None:
            sys.exit(f"the reader ended with exit code {reader.returncode}")
        time.sleep(0.01)
        status = open(f"/proc/{reader.pid}/status").read()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
    print("typed for us:", input(), flush=True)
    if os.waitid(os.P_PID, reader.pid, os.WSTOPPED | os.WEXITED | os.WNOHANG):
        sys.exit("the reader was stopped, or has ended")
    os.tcsetpgrp(0, reader.pid)
    print("in front", flush=True)
    print("read:", reader.stdout.readline().decode().strip(), flush=True)
    reader.kill()
    reader.wait()
"""


def read(stdin: int) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", READ], stdin=stdin, capture_output=True, timeout=600, check=True
    ).stdout


def test_a_file_is_read(tmp_path: Path) -> None:
    """A file is read to its end, although no event loop can wait for a file."""
    (tmp_path / "data").write_bytes(bytes(range(256)) * 1000)
    with open(tmp_path / "data", "rb") as file:
        assert read(file.fileno()) == bytes(range(256)) * 1000 + b"END\n"


def test_nothing_is_read_of_nothing() -> None:
    """/dev/null ends at once, and so does a descriptor that can only be written."""
    assert read(subprocess.DEVNULL) == b"END\n"
    with open("/dev/null", "wb") as file:
        assert read(file.fileno()) == b"END\n"


def until(master: int, text: bytes) -> bytes:
    """Return what the terminal shows, up to a text."""
    shown = b""
    while text not in shown:
        try:
            shown += os.read(master, 1000)
        except OSError:
            pytest.fail(f"it ended after {shown!r}")
    return shown


def test_a_terminal_is_left_to_who_is_in_front() -> None:
    """In the background the process reads nothing and is not stopped; in the foreground it reads on."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_THE_BACKGROUND, READ],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        os.write(master, b"first\n")
        assert b"typed for us: first" in until(master, b"in front\r\n")
        os.write(master, b"second\n")
        assert b"read: second" in until(master, b"read: second")
        assert process.wait(600) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
