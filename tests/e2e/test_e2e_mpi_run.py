"""mpi4py programs under `run`: what they are given, what comes out, and how they end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from e2e_harness import DEADLINE, environment, leaves_nothing, until

pytestmark = pytest.mark.e2e


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where pools put their directories, apart from what tests make."""
    place = tmp_path / "temporary"
    place.mkdir()
    return place


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The working directory of who runs something."""
    place = tmp_path / "here"
    place.mkdir()
    return place


def write(here: Path, program: str, name: str = "script.py") -> Path:
    """A script that begins with the imports that all need."""
    place = here / name
    place.write_text(f"import os, signal, sys\nfrom mpi4py import MPI\ncomm = MPI.COMM_WORLD\n{program}")
    return place


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "mpi_actors", "run", *words]


def run(
    temporary: Path, here: Path, *words: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`mpi-actors run WORDS` in that directory, to its end; nothing is left of it."""
    with leaves_nothing(temporary):
        done = subprocess.run(
            command(*words), cwd=here, input=stdin, env=environment(temporary) | (env or {}),
            capture_output=True, check=False, timeout=DEADLINE,
        )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
    )


# --- what a program is given


@pytest.mark.parametrize("peers", ["1", "2"])
def test_a_script_is_run_where_it_is(temporary: Path, here: Path, peers: str) -> None:
    """With its caller's directory, environment and arguments, and with all its ranks."""
    write(
        here,
        "print(comm.allgather(comm.rank), os.getcwd(), os.environ['COLOUR'], sys.argv, __name__, sep='|')\n"
        "print('to stderr', comm.rank, file=sys.stderr)\n",
    )
    done = run(
        temporary, here, "-n", "3", "--peers", peers, "script.py", "--size", "a b", "", env={"COLOUR": "blü"}
    )
    line = f"[0, 1, 2]|{here}|blü|['script.py', '--size', 'a b', '']|__main__"
    assert (done.returncode, done.stdout.splitlines()) == (0, [line] * 3), done.stderr
    assert sorted(done.stderr.splitlines()) == [f"to stderr {rank}" for rank in range(3)]


def test_a_module_is_run(temporary: Path, here: Path) -> None:
    """As `python -m` would, from the working directory; dashes after it are its own."""
    (here / "package").mkdir()
    (here / "package" / "__init__.py").write_text("")
    (here / "package" / "other.py").write_text("ANSWER = 42\n")
    program = "from .other import ANSWER\nprint(comm.allreduce(ANSWER), sys.argv[1:])\n"
    write(here / "package", program, "part.py")
    done = run(temporary, here, "-n", "2", "-m", "package.part", "-n", "3", "--help")
    assert (done.returncode, done.stdout.splitlines()) == (0, ["84 ['-n', '3', '--help']"] * 2), done.stderr


def test_a_prefix_names_the_rank(temporary: Path, here: Path) -> None:
    """Before each line, of both streams."""
    write(here, "print('out', comm.rank)\nprint('err', file=sys.stderr)\n")
    done = run(temporary, here, "-n", "2", "--prefix", "script.py")
    assert sorted(done.stdout.splitlines()) == ["[0] out 0", "[1] out 1"], done.stderr
    assert sorted(done.stderr.splitlines()) == ["[0] err", "[1] err"]


def test_lines_are_never_torn(temporary: Path, here: Path) -> None:
    """However long they are, and whatever others write meanwhile; the last need not have an end."""
    write(
        here,
        "for i in range(30):\n"
        "    print(str(comm.rank) * 200_000, flush=True)\n"
        "sys.stdout.write(f'end {comm.rank}')\n",
    )
    done = run(temporary, here, "-n", "3", "script.py")
    assert done.returncode == 0, done.stderr
    expected = [str(rank) * 200_000 for rank in range(3)] * 30 + [f"end {rank}" for rank in range(3)]
    assert sorted(done.stdout.splitlines()) == sorted(expected)


# --- standard input


@pytest.mark.parametrize("peers", ["1", "2"])
def test_rank_0_reads_standard_input(temporary: Path, here: Path, peers: str) -> None:
    """All of it, byte by byte, to its end; the others find it empty."""
    write(
        here,
        "import hashlib\n"
        "data = sys.stdin.buffer.read()\n"
        "said = comm.gather((len(data), hashlib.sha256(data).hexdigest()))\n"
        "if comm.rank == 0: print(said)\n",
    )
    data = bytes(range(256)) * 20_000
    done = run(temporary, here, "-n", "2", "--peers", peers, "script.py", stdin=data)
    expected = [(len(part), hashlib.sha256(part).hexdigest()) for part in (data, b"")]
    assert (done.returncode, done.stdout) == (0, f"{expected}\n"), done.stderr


@pytest.mark.parametrize("endless", [False, True], ids=["silent", "endless"])
def test_unread_input_delays_nothing(temporary: Path, here: Path, endless: bool) -> None:
    """A terminal at which nobody types, and an input without end: the job ends when its ranks do."""
    write(here, "comm.Barrier()\nif comm.rank == 0: print('done')\n")
    with leaves_nothing(temporary):
        source = subprocess.Popen(["yes"] if endless else ["sleep", "1000"], stdout=subprocess.PIPE)
        done = subprocess.run(
            command("-n", "2", "script.py"), cwd=here, env=environment(temporary), stdin=source.stdout,
            capture_output=True, text=True, check=False, timeout=DEADLINE,
        )  # fmt: skip
        assert source.stdout is not None
        source.stdout.close()
        source.kill()
        source.wait()
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


# --- how it ends


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("sys.exit(7 if comm.rank == 1 else comm.recv())", 7, "exit code 7"),
        ("os._exit(5) if comm.rank == 1 else comm.recv()", 5, "exit code 5"),
        ("comm.Abort(9) if comm.rank == 1 else comm.recv()", 9, "Abort"),
        ("comm.Abort() if comm.rank == 0 else comm.recv()", 0, "Abort"),
        ("os.kill(os.getpid(), signal.SIGSEGV) if comm.rank == 1 else comm.recv()", 139, "SIGSEGV"),
        ("rank = comm.rank; MPI.Finalize(); sys.exit(4 * rank)", 4, "exit code 4"),
    ],
)
def test_the_exit_code_is_the_programs(
    temporary: Path, here: Path, program: str, code: int, said: str
) -> None:
    """Of the rank that fails first, while the others wait for it in vain; and one line says why."""
    write(here, program)
    done = run(temporary, here, "-n", "2", "script.py")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("mpi-actors: job failed: rank ")
    assert said in line


@pytest.mark.parametrize("peers", ["1", "2"])
def test_one_traceback_is_shown(temporary: Path, here: Path, peers: str) -> None:
    """Of the rank that failed, not of those that wait for it, nor of those that fail in the same way."""
    write(here, "def thing():\n    raise ValueError(f'no {comm.rank}')\ncomm.Barrier()\nthing()\n")
    done = run(temporary, here, "-n", "3", "--peers", peers, "script.py")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert lines[0] == "Traceback (most recent call last):", done.stderr
    assert done.stderr.count("Traceback") == done.stderr.count("ValueError: no") == 1
    assert "in thing" in done.stderr
    assert "mpi_actors" not in "".join(lines[:-1]), "our own calls are of no interest"
    assert lines[-2].startswith("ValueError: no ")
    assert lines[-1].startswith(f"mpi-actors: job failed: rank {lines[-2][-1]} ")
    assert sum(line.startswith("mpi-actors:") for line in lines) == 1


def test_a_script_that_cannot_be_compiled_is_told(temporary: Path, here: Path) -> None:
    """As Python tells it, once."""
    (here / "script.py").write_text("def f(:\n")
    done = run(temporary, here, "-n", "2", "script.py")
    assert done.returncode == 1
    assert done.stderr.count("SyntaxError") == 1


def test_what_is_none_is_told(temporary: Path, here: Path) -> None:
    """In one line, with exit code 2, before anything is started."""
    done = run(temporary, here, "-n", "2", "script.py")
    assert (done.returncode, done.stdout) == (2, "")
    text = "no program 'script.py': there is no such file or directory. Try: mpi-actors run --help"
    assert done.stderr == f"mpi-actors: {text}\n"


# --- signals


DEADLOCK = """
def swap(other):
    comm.recv(source=other, tag=7)

print("go", flush=True)
swap(1 - comm.rank)
"""


async def test_a_deadlock_can_be_looked_at(temporary: Path, here: Path) -> None:
    """SIGQUIT shows whom each rank waits for, with which tag, and where; then Ctrl-C ends it all."""
    write(here, DEADLOCK)
    with leaves_nothing(temporary):
        process = await trio.lowlevel.open_process(
            command("-n", "2", "--peers", "2", "script.py"), cwd=here, env=environment(temporary),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        said = b""
        shown = b""
        with trio.fail_after(DEADLINE):
            while shown.count(b"go\n") < 2:
                shown += await process.stdout.receive_some()
            while said.count(b"in swap") < 2:
                process.send_signal(signal.SIGQUIT)
                said += await process.stderr.receive_some()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 128 + signal.SIGINT
            said += b"".join([data async for data in process.stderr])
        await process.stdout.aclose()
        await process.stderr.aclose()
    text = said.decode()
    for rank in range(2):
        [line] = {line for line in text.splitlines() if line.startswith(f"rank {rank}: ")} or {""}
        assert f"rank {1 - rank}" in line, text
        assert "7" in line.partition("tag")[2], text
    assert "Traceback" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_a_signal_ends_everything(temporary: Path, here: Path, number: signal.Signals) -> None:
    """The shell's exit code, nothing said, no rank left: not even one that computes."""
    write(here, "print(os.getpid(), flush=True)\nwhile True: pass\n")
    with leaves_nothing(temporary):
        process = await trio.lowlevel.open_process(
            command("-n", "2", "script.py"), cwd=here, env=environment(temporary),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        shown = b""
        with trio.fail_after(DEADLINE):
            while shown.count(b"\n") < 2:
                shown += await process.stdout.receive_some()
            process.send_signal(number)
            assert await process.wait() == 128 + number
            assert b"".join([data async for data in process.stderr]) == b""
            ranks = list(map(int, shown.split()))
            await until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ranks))
        await process.stdout.aclose()
        await process.stderr.aclose()
