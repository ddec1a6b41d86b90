"""Which files a rank notes: those that another run of the program would find changed by this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import io, os, pathlib, pickle, sqlite3, sys, tempfile
from mpi_actors.mpi.boot.imports import AfterImport
from mpi_actors.mpi.boot.outside import OpenedFiles
os.mkfifo("pipe")
pathlib.Path("there").write_text("old\\n")
told = []
OpenedFiles(told.append).replace(AfterImport())
"""


def run(place: Path, program: str) -> str:
    """Run a program after the prelude, in a folder of its own, and return what it printed."""
    (place / "program.py").write_text(PRELUDE + program)
    done = subprocess.run(
        [sys.executable, str(place / "program.py")],
        cwd=place, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    "opening",
    [
        "open('there', 'a')",
        "open('there', 'ab', 0)",
        "open(file='there', mode='r+')",
        "io.open('there', 'rb+')",
        "open(pathlib.Path('there'), 'a')",
        "open(b'there', 'a')",
        "pathlib.Path('there').open('a')",
        "open('new', 'a')",
        "os.open('there', os.O_WRONLY | os.O_APPEND)",
        "os.open('there', os.O_RDWR | os.O_CREAT)",
        "sqlite3.connect('new')",
        "sqlite3.connect(database='new')",
        "os.open(path='there', flags=os.O_RDWR)",
    ],
)
def test_files_that_keep_what_they_have_are_noted(tmp_path: Path, opening: str) -> None:
    """Once, by their whole path."""
    name = "new" if "new" in opening else "there"
    assert run(tmp_path, f"for _ in range(2): {opening}\nprint(told)\n") == f"['{tmp_path / name}']\n"


@pytest.mark.parametrize(
    "opening",
    [
        "open('there')",
        "open('there', 'rb').read()",
        "open('there', 'w')",
        "open('there', 'w+')",
        "open('new', 'x')",
        "open('pipe', 'rb+', 0)",
        "open('/dev/null', 'a')",
        "open(os.dup(1), 'a')",
        "os.open('there', os.O_RDONLY)",
        "os.open('there', os.O_WRONLY)",
        "os.open('there', os.O_RDWR | os.O_TRUNC)",
        "sqlite3.connect(':memory:')",
        "os.open('new', os.O_RDWR | os.O_CREAT | os.O_EXCL)",
        "pathlib.Path('there').touch()",
        "tempfile.TemporaryFile()",
        "tempfile.NamedTemporaryFile()",
        "pathlib.Path('new').write_text('x')",
    ],
)
def test_others_are_not(tmp_path: Path, opening: str) -> None:
    """A file that begins empty is written again as it was; a pipe and a device keep nothing."""
    assert run(tmp_path, f"{opening}\nprint(told)\n") == "[]\n"


def test_errors_are_those_of_python(tmp_path: Path) -> None:
    """And a name that is no name does not end in ours."""
    calls = [
        "open('no/where', 'a')", "open()", "open(3.5, 'a')", "open('a\\0b', 'a')", "open('there', 5)",
        "open('there', 'ra')", "os.open('no/where', os.O_RDWR)", "os.open('there')", "sqlite3.connect()",
        "open('there', 'r+', nonsense=1)",
    ]  # fmt: skip
    program = f"""
for call in {calls!r}:
    try:
        eval(call)
    except Exception as error:
        print(type(error).__name__)
"""
    (tmp_path / "plain.py").write_text("import os, sqlite3" + program)
    plain = subprocess.run(
        [sys.executable, "plain.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run(tmp_path, program) == plain.stdout
    assert len(plain.stdout.splitlines()) == len(calls)


def test_a_forked_child_does_not_speak_for_its_rank(tmp_path: Path) -> None:
    """It has no daemon."""
    program = """
if os.fork() == 0:
    open("there", "a")
    print(told, flush=True)
    os._exit(0)
os.wait()
"""
    assert run(tmp_path, program) == "[]\n"


def test_the_functions_look_like_the_built_in_ones(tmp_path: Path) -> None:
    """Their names and texts; and both modules have the same."""
    program = """
import builtins
assert open is io.open is builtins.open
print(pickle.loads(pickle.dumps(open)) is open, os.open.__name__, open.__doc__.split("\\n")[0])
class Own:
    open = open
with Own().open("there") as file:
    print(file.read(), end="")
"""
    assert run(tmp_path, program).splitlines() == [
        f"True open {(open.__doc__ or '').splitlines()[0]}".rstrip(), "old",
    ]  # fmt: skip
    assert os.open.__name__ == "open"
