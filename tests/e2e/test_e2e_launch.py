"""`run` as a process: what it prints, how it exits, and that nothing is left, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import trio
from e2e_harness import DEADLINE, EXAMPLES, environment, leaves_nothing, processes_of, run, run_command, until
from e2e_ring import ring

from mpi_actors.events import event_classes

pytestmark = pytest.mark.e2e

RING = {"program": str(EXAMPLES / "round_echo"), "size": 4, "peers": 2, "args": ["100000", "0.05"]}
"""A job that does not end by itself."""


def interpreter(place: Path, program: str) -> str:
    """Make an interpreter."""
    place.mkdir()
    (place / "init.py").write_text("")
    (place / "run.py").write_text(program)
    return str(place)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where pools put their directories, apart from what tests make."""
    place = tmp_path / "temporary"
    place.mkdir()
    return place


def test_answers_go_to_standard_output(temporary: Path, tmp_path: Path) -> None:
    """Rank 0's log alone is standard output; exit code 0; events are appended as JSON lines."""
    events = tmp_path / "events.jsonl"
    events.write_text('{"time": 0, "event": "before"}\n')
    with leaves_nothing(temporary):
        done = run(
            temporary,
            program="round_echo", store=str(EXAMPLES), size=2, peers=2, args=["2"], events=str(events),
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"answer: {ring(2, 2)}"
    names = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert names[0] == "before"
    assert set(names[1:]) <= set(event_classes())
    assert names[-1] == "job-finished"
    assert names.count("rank-started") == 2


def test_the_rest_goes_to_standard_error(temporary: Path, tmp_path: Path) -> None:
    """Other ranks' logs and what is written to standard error have the rank before each line."""
    program = interpreter(
        tmp_path / "talks",
        "import sys\nprint('Log,log', *sys.argv[2:])\nprint('err', sys.argv[2], file=sys.stderr)\n",
    )
    with leaves_nothing(temporary):
        done = run(temporary, program=program, size=2, args=["ü", ""])
    assert (done.returncode, done.stdout) == (0, "log 0 ü \n")
    assert sorted(done.stderr.splitlines()) == ["[0] err 0", "[1] err 1", "[1] log 1 ü "]


@pytest.mark.parametrize("restart", ["lost", "failed"])
def test_a_failing_program_is_told(restart: str, temporary: Path, tmp_path: Path) -> None:
    """The traceback, then one line that says why; the exit code is the program's, or 3."""
    program = interpreter(tmp_path / "fails", "import sys\ndef f(): sys.exit(1 / 0)\nf()\n")
    with leaves_nothing(temporary):
        done = run(temporary, program=program, size=1, restart=restart)
    lines = done.stderr.splitlines()
    assert done.returncode == (1 if restart == "lost" else 3)
    assert any("ZeroDivisionError" in line for line in lines[:-1])
    assert lines[-1].startswith("mpi-actors: job failed: rank 0 ")
    assert "exit code 1" in lines[-1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"program": "nowhere"}, "no program 'nowhere': there is no such file or directory"),
        ({"program": "nothing", "store": str(EXAMPLES)}, "no interpreter 'nothing' in"),
        ({"program": str(EXAMPLES)}, "the directory has no init.py and no run.py"),
        ({"program": str(EXAMPLES / "echo"), "size": 0}, "at least 1"),
        ({"program": str(EXAMPLES / "echo"), "peers": 0}, "at least 1"),
        ({"program": str(EXAMPLES / "echo"), "events": "/nowhere/at/all"}, "cannot write events"),
    ],
)
def test_what_cannot_be_run_has_exit_code_2(options: dict[str, object], text: str, temporary: Path) -> None:
    """It is said in one line, before anything is started."""
    with leaves_nothing(temporary):
        done = run(temporary, **options)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert text in line


def test_large_and_many_lines_come_whole(temporary: Path, tmp_path: Path) -> None:
    """A line of 64 MiB and very many short ones pass, in order."""
    program = interpreter(
        tmp_path / "large",
        "print('Log,' + 'x' * (64 * 1024 * 1024 - 4))\nfor i in range(20000): print(f'Log,{i}')\n",
    )
    with leaves_nothing(temporary):
        process = subprocess.Popen(
            run_command(program=program, size=1),
            env=environment(temporary), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        with process.stdout:
            lines = process.stdout.read().splitlines()
        assert process.wait(DEADLINE) == 0
    assert len(lines[0]) == 64 * 1024 * 1024 - 4
    assert lines[1:] == list(map(str, range(20000)))


def test_a_reader_that_leaves_ends_the_run(temporary: Path) -> None:
    """As with `| head -1`: exit code 141, nothing left."""
    with leaves_nothing(temporary):
        process = subprocess.Popen(run_command(**RING), env=environment(temporary), stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", ["starting", "running"])
async def test_a_signal_ends_everything(number: signal.Signals, moment: str, temporary: Path) -> None:
    """Ctrl-C and SIGTERM, during start-up too: the shell's exit code, no traceback, nothing left."""
    with leaves_nothing(temporary):
        process = await trio.lowlevel.open_process(
            run_command(**RING),
            env=environment(temporary), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        if moment == "starting":
            await until(lambda: len(processes_of(temporary)) >= 2)
        else:
            assert await process.stdout.receive_some()
        process.send_signal(number)
        with trio.fail_after(DEADLINE):
            said = b"".join([data async for data in process.stderr])
            assert await process.wait() == 128 + number
        assert b"Traceback" not in said
        await process.stdout.aclose()
        await process.stderr.aclose()


def is_stopped(pid: int) -> bool:
    """Return whether all threads of a process are stopped."""
    threads = Path(f"/proc/{pid}/task").glob("*/status")
    return all("\nState:\tT" in thread.read_text() for thread in threads)


@pytest.mark.parametrize("frozen", [False, True], ids=["", "with-a-frozen-daemon"])
async def test_a_killed_launcher_leaves_nothing(frozen: bool, temporary: Path) -> None:
    """After `kill -9` the daemons end by themselves, with their ranks and directories."""
    with leaves_nothing(temporary):
        process = await trio.lowlevel.open_process(
            run_command(**RING), env=environment(temporary), stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        assert await process.stdout.receive_some()
        ours = processes_of(temporary)
        assert sum("warden_main.py" in line for line in ours.values()) == 2
        assert sum("run.py" in line for line in ours.values()) == 4
        if frozen:
            daemon = next(pid for pid, line in ours.items() if "mpi_actors.pool.local.served" in line)
            os.kill(daemon, signal.SIGSTOP)
            # the kernel wakes what is stopped when the launcher goes, not what is about to be
            await until(lambda: is_stopped(daemon))
        process.kill()
        await process.wait()
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in ours))
        await process.stdout.aclose()
