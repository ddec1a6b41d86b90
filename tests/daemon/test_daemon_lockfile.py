"""The lock on a daemon's directory."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mpi_actors.daemon.lockfile import LOCK_NAME, hold
from mpi_actors.errors import PathInUse, UsageError

HOLDER = """
import sys, pathlib
from mpi_actors.daemon.lockfile import hold
with hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(directory: Path) -> subprocess.Popen[str]:
    """Start a process that holds `directory` until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_held_directory_is_refused_to_others(tmp_path: Path) -> None:
    """The error names the directory and the process that holds it."""
    with start_holder(tmp_path) as holder:
        text = rf"{tmp_path} is in use by process {holder.pid}\."
        with pytest.raises(PathInUse, match=text), hold(tmp_path):
            pass
        holder.communicate()
    with hold(tmp_path):
        pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """`kill -9` of the holder frees the directory, although the file still exists."""
    with start_holder(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (tmp_path / LOCK_NAME).exists()
        with hold(tmp_path):
            assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
        holder.communicate()


def test_a_program_that_the_holder_started_does_not_hold_it(tmp_path: Path) -> None:
    """The lock is not inherited: a child that survives does not keep a new daemon out."""
    with hold(tmp_path):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    with child, hold(tmp_path):
        pass


def test_it_is_let_go_when_the_body_fails(tmp_path: Path) -> None:
    """An exception frees the directory and propagates."""
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    with hold(tmp_path):
        pass


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    """Two daemons in one process exclude each other, too."""
    with hold(tmp_path), pytest.raises(PathInUse, match=f"process {os.getpid()}"), hold(tmp_path):
        pass


def test_the_directory_is_made(tmp_path: Path) -> None:
    """A directory that does not exist is made, for its owner only."""
    with hold(tmp_path / "a" / "b"):
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "a" / "b" / LOCK_NAME).stat().st_mode) == 0o600


def test_an_unusable_directory_is_named(tmp_path: Path) -> None:
    """A path through a file gives a UsageError that names the path."""
    (tmp_path / "file").write_text("")
    directory = tmp_path / "file" / "d"
    with pytest.raises(UsageError, match=rf"cannot use {directory}: Not a directory"), hold(directory):
        pass
