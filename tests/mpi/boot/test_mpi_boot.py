"""How a rank's process begins and ends: as Python would, and its daemon hears of the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from mpi_worlds import SHIM

from mpi_actors.mpi.boot.program import NoProgramNamed, parse
from mpi_actors.wire.channel import ChannelDecoder, ChannelKind, ChannelMessage
from mpi_actors.wire.environment import RankEnvironment

BOOT = [sys.executable, "-m", "mpi_actors.mpi.boot"]


class Rank:
    """A rank alone with its daemon, which the test plays."""

    def __init__(self, *command: str, cwd: Path, **environment: str) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        self.channel = ours
        self.process = subprocess.Popen(
            [*BOOT, *command],
            cwd=cwd,
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "PYTHONPATH": str(SHIM),
                **RankEnvironment("0123456789abcdef", channel=theirs.fileno()).write(),
                **environment,
            },
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        self._decoder = ChannelDecoder()
        self.heard: list[ChannelMessage] = []

    def until(self, *kinds: ChannelKind) -> ChannelMessage:
        """Receive what the rank says, and return the first message of one of these kinds."""
        while True:
            data = self.channel.recv(65536)
            assert data, f"the channel has ended after {self.heard}: {self.process.communicate()}"
            self.heard += self._decoder.feed(data)
            for message in self.heard:
                if message.kind in kinds:
                    return message

    def end(self) -> tuple[str, str, int]:
        """Release the rank, and return its output, its errors and its exit code."""
        self.channel.sendall(ChannelMessage(ChannelKind.RELEASE).encode())
        out, err = self.process.communicate(timeout=600)
        return out, err, self.process.returncode

    def close(self) -> None:
        """Close the channel, and kill the process if it still runs."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Start(Protocol):
    """Starts a rank in the test's folder."""

    def __call__(self, *command: str, **environment: str) -> Rank: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts ranks in a folder of their own."""
    ranks = []

    def in_folder(*command: str, **environment: str) -> Rank:
        ranks.append(Rank(*command, cwd=tmp_path, **environment))
        return ranks[-1]

    yield in_folder
    for rank in ranks:
        rank.close()


def test_a_program_ends_as_python_says_and_stays_until_the_daemon_releases_it(
    start: Start, tmp_path: Path
) -> None:
    """Python joins threads, calls exit functions, and flushes the output; MPI is finalized last."""
    (tmp_path / "script.py").write_text(
        """
import atexit, sys, threading
from mpi4py import MPI
atexit.register(lambda: print("exit", MPI.Is_finalized()))
key = MPI.Comm.Create_keyval(None, lambda c, k, v: print("finalized"))
MPI.COMM_SELF.Set_attr(key, 1)
main_has_ended = threading.main_thread().join
threading.Thread(target=lambda: (main_has_ended(), print("thread"))).start()
print("main", sys.argv, end="\\n", flush=False)
"""
    )
    rank = start("script.py", "a", "-b")
    assert rank.until(ChannelKind.ENDED).number == 0
    assert rank.process.poll() is None
    out, err, code = rank.end()
    assert out.splitlines() == ["main ['script.py', 'a', '-b']", "thread", "exit False", "finalized"]
    assert (err, code) == ("", 0)
    assert [message.kind for message in rank.heard] == [ChannelKind.READY, ChannelKind.ENDED]


@pytest.mark.parametrize(
    ("statement", "code", "err"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('what')", 1, "what\n"),
        ("raise SystemExit", 0, ""),
        ("sys.exit(True)", 1, ""),
        ("sys.exit(256)", 0, ""),
        ("sys.stdout = None", 0, ""),
    ],
)
def test_exit_codes(start: Start, tmp_path: Path, statement: str, code: int, err: str) -> None:
    """They are Python's. A process that failed does not wait until the daemon releases it."""
    (tmp_path / "script.py").write_text(f"import sys\n{statement}\n")
    rank = start("script.py")
    assert rank.until(ChannelKind.ENDED).number == code
    if code == 0:
        assert rank.end() == ("", err, 0)
    else:
        assert (*rank.process.communicate(timeout=600), rank.process.returncode) == ("", err, code)


def unmarked(traceback: str) -> str:
    """Remove the lines of a traceback that only mark a place in another line: Python 3.13 has more of
    them."""
    return "".join(line for line in traceback.splitlines(keepends=True) if set(line.strip()) - set("~^"))


def test_the_daemon_hears_of_an_exception_first(start: Start, tmp_path: Path) -> None:
    """The daemon gets the program's own traceback, which it shows, before exit functions run."""
    script = tmp_path / "script.py"
    script.write_text(
        "import atexit, threading\natexit.register(print, 'exit')\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "def f():\n    raise ValueError('no')\nf()\n"
    )
    rank = start("script.py")
    failed = rank.until(ChannelKind.FAILED)
    out, err = rank.process.communicate(timeout=600)
    assert failed.number == rank.process.returncode == 1
    assert (out, err) == ("exit\n", "")
    assert unmarked(failed.text) == (
        "Traceback (most recent call last):\n"
        f'  File "{script}", line 6, in <module>\n    f()\n'
        f"  File \"{script}\", line 5, in f\n    raise ValueError('no')\n"
        "ValueError: no\n"
    )


@pytest.mark.parametrize(
    ("source", "code", "last"),
    [
        ("this is no python\n", 1, "SyntaxError: invalid syntax"),
        ("raise KeyboardInterrupt\n", 130, "KeyboardInterrupt"),
    ],
)
def test_other_ways_to_fail(start: Start, tmp_path: Path, source: str, code: int, last: str) -> None:
    """The daemon's text ends with the error, and names no module of the library."""
    (tmp_path / "script.py").write_text(source)
    rank = start("script.py")
    failed = rank.until(ChannelKind.FAILED)
    rank.process.communicate(timeout=600)
    assert failed.text.splitlines()[-1] == last
    assert failed.number == rank.process.returncode == code
    assert "boot" not in failed.text


@pytest.mark.parametrize(
    ("hook", "out", "err"),
    [("print(3)", "3\n", ""), ("sys.exit(3)", "", ""), ("1 / 0", "", "Error in sys.excepthook:\n")],
)
def test_a_program_may_show_exceptions_itself(
    start: Start, tmp_path: Path, hook: str, out: str, err: str
) -> None:
    """With its own `sys.excepthook`; then the daemon has nothing to show."""
    (tmp_path / "script.py").write_text(f"import sys\nsys.excepthook = lambda *_: {hook}\n[][0]\n")
    rank = start("script.py")
    failed = rank.until(ChannelKind.FAILED)
    shown = rank.process.communicate(timeout=600)
    assert (failed.number, failed.text) == (1, "")
    assert (shown[0], shown[1][: len(err)], bool(shown[1])) == (out, err, bool(err))


def test_without_a_daemon_the_exception_is_shown_as_python_does(tmp_path: Path) -> None:
    """It is shown once, on standard error."""
    (tmp_path / "script.py").write_text("1 / 0\n")
    plain = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, check=False)
    ours = subprocess.run([*BOOT, "script.py"], cwd=tmp_path, capture_output=True, check=False)
    assert ours.returncode == plain.returncode
    assert (ours.stdout, ours.stderr) == (plain.stdout, plain.stderr)


ABOUT = """
import __main__, sys, pickle
class C: pass
assert __name__ == "__main__" and pickle.loads(pickle.dumps(C)) is C
print(sorted(name for name in vars(__main__) if name.startswith("__")), __file__, __package__,
      __spec__ and __spec__.name, type(__loader__).__name__, sys.argv, sys.path[0])
import beside
"""


@pytest.mark.parametrize(
    "command",
    ["folder/script.py x", "link.py", "-m package.module y -m", "-m package", "folder"],
)
def test_main_is_what_python_would_make_of_it(start: Start, tmp_path: Path, command: str) -> None:
    """Names in `__main__`, arguments, and the places of modules are those of `python` itself."""
    for folder in ("folder", "package"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__main__.py").write_text(ABOUT)
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "module.py").write_text(ABOUT)
    (tmp_path / "folder" / "script.py").write_text(ABOUT)
    (tmp_path / "link.py").symlink_to("folder/script.py")
    for folder in ("folder", "."):
        (tmp_path / folder / "beside.py").write_text("print(__file__)")
    words = command.split()
    plain = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
    rank = start(*words)
    rank.until(ChannelKind.ENDED)
    out, err, _ = rank.end()
    assert (out, err) == (plain.stdout, "")


@pytest.mark.parametrize("command", [["nowhere.py"], ["-m", "nowhere"]], ids=" ".join)
def test_a_program_that_is_not_there(start: Start, command: list[str]) -> None:
    """Exit codes and texts are Python's."""
    plain = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    rank = start(*command)
    assert rank.until(ChannelKind.ENDED).number == plain.returncode
    assert "nowhere" in rank.process.communicate()[1]


def test_no_program_at_all() -> None:
    """The process says so in a sentence, and ends with exit code 2."""
    done = subprocess.run(BOOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "missing" in done.stderr
    for words in ([], ["-m"]):
        with pytest.raises(NoProgramNamed):
            parse(words)
    assert parse(["-m", "m", "-m"]) == ("m", True, ["-m"])


SEEDED = """
import random, sys
a = random.random(), random.randrange(10**9)
try:
    import numpy
except ImportError:
    b = ()
else:
    b = float(numpy.random.rand())
print(a, b)
"""


def test_random_numbers_are_the_same_for_a_rank_that_runs_again(start: Start, tmp_path: Path) -> None:
    """Another seed, or another rank, gives other numbers."""
    (tmp_path / "script.py").write_text(SEEDED)
    results = []
    for seed, rank_number in (("1", "0"), ("1", "0"), ("2", "0"), ("1", "1")):
        rank = start("script.py", MPI_ACTORS_SEED=seed, MPI_ACTORS_RANK=rank_number, MPI_ACTORS_SIZE="2")
        rank.until(ChannelKind.ENDED)
        results.append(rank.end()[0])
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_processes_that_a_rank_starts_are_not_that_rank(start: Start, tmp_path: Path) -> None:
    """A forked child ends without a word to the daemon; another program is a job of its own."""
    (tmp_path / "script.py").write_text(
        """
import os, subprocess, sys, warnings
warnings.simplefilter("ignore")  # Python 3.12 and later warn of forks beside threads, such as ours
if os.fork() == 0:
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
subprocess.run([sys.executable, "-c", "from mpi4py import MPI; print(MPI.COMM_WORLD.size)"], check=True)
"""
    )
    rank = start("script.py")
    assert rank.until(ChannelKind.ENDED).number == 0
    assert rank.end() == ("5\n1\n", "", 0)


def test_abort_ends_the_job_with_its_code(start: Start, tmp_path: Path) -> None:
    """`_set_abort_status` does so at the end of the program."""
    (tmp_path / "script.py").write_text("from mpi4py import MPI\nMPI.COMM_WORLD.Abort(9)\n")
    assert start("script.py").until(ChannelKind.ABORT).number == 9
    (tmp_path / "later.py").write_text("from mpi4py import MPI\nMPI._set_abort_status(4)\n")
    assert start("later.py").until(ChannelKind.ABORT).number == 4
