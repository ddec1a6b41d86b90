"""`python -m mpi_actors`, as people and scripts use it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from console_child import (
    console,
    is_one_line_error,
    left_behind,
    make_store,
    run,
    terminal_console,
)

pytestmark = pytest.mark.e2e


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with three interpreters that install everywhere."""
    return make_store(tmp_path / "store", "echo", "round_echo", "reset_echo")


# --- lines from a pipe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["exit\n", "EXIT\nstart echo 1 never\n", "", "exit"])
def test_commands_from_a_pipe(tmp_path: Path, store: Path, end: str) -> None:
    """`exit` and the end of the input wait for the job; a quiet console shows just its log."""
    done = run(tmp_path / "a", "-q", "-ipfs-store", str(store), text=f"start echo 2 hi 'a  b'\n{end}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi a  b\n", "")


def test_a_console_says_who_it_is_and_what_happens(tmp_path: Path, store: Path) -> None:
    """Its address to hand to others, its pool, its jobs; and the events go to a file."""
    events = tmp_path / "events"
    lines = ["Start reset_echo 2", "list", "peers", "help start", "exit"]
    done = run(tmp_path / "a", "-ipfs-store", str(store), "--events", str(events), lines=lines)
    assert (done.returncode, done.stderr) == (0, "")
    for pattern in (
        r"^  -ipfs-store (Qm\w{44}) -peer /ip4/127\.0\.0\.1/tcp/\d+/p2p/\w+$",
        r"^pool Qm\w{44}, 3 interpreters in the store$",
        r"^content is kept here \(embedded\), since the store is a directory$",
        r"^job [0-9a-f]{16} started: reset_echo, 2 ranks$",
        r"^before the reset$",
        r"^job [0-9a-f]{8}: rank 1 on …\w{8} is lost: reset by rank 0$",
        r"^after the reset$",
        r"^job [0-9a-f]{16} finished after [0-9.]+ s$",
        r"^echo +\d+ B +installed\b",
        r"^…\w{8} \(here\) ",
        r"^start FILE N ARGS…: ",
    ):
        assert re.search(pattern, done.stdout, re.MULTILINE), pattern
    names = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert (names[0], names[-1]) == ("job-started", "job-finished")


def test_wrong_commands_are_a_line_each_and_exit_code_2_at_the_end(tmp_path: Path, store: Path) -> None:
    """The commands after them are executed."""
    lines = [
        "start echo 0", "start echo two", "start echo", "start nothing 1", "strat", "why 0123", "start 'x",
        "connect nonsense", "add nothing", "del nothing", "", "start echo 1 hi",
    ]  # fmt: skip
    done = run(tmp_path / "a", "-q", "-ipfs-store", str(store), lines=lines)
    assert (done.returncode, done.stdout) == (2, "hi\n")
    errors = done.stderr.splitlines()
    assert len(errors) == len(lines) - 2
    assert all(line.startswith("error: ") for line in errors)
    parts = [
        "from 1 to 4096", "'two'", "usage: start", "'nothing'", "'start'", "'0123'", "no closing quotation",
        "'nonsense'", "'nothing'", "'nothing'",
    ]  # fmt: skip
    assert [part for part, line in zip(parts, errors, strict=True) if part not in line] == []


def test_a_failed_job_is_exit_code_3(tmp_path: Path, store: Path) -> None:
    """Also when a command was wrong besides; the reason goes to standard error."""
    with console(tmp_path / "a", "-q", "-ipfs-store", str(store), "--events", str(tmp_path / "e")) as child:
        child.send("nonsense\nstart round_echo 2 1000000 0.1\n")
        child.until("round 1 of 1000000")
        job = json.loads((tmp_path / "e").read_text().splitlines()[0])["job"]
        child.send(f"kill {job[:6].upper()}\nexit\n")
        child.until(f"job {job} failed after .*: killed by request")
        assert child.end() == 3
        assert left_behind(child.process.pid, tmp_path) == []


def test_interpreters_come_and_go(tmp_path: Path, store: Path) -> None:
    """`del` and `add`; what is not installed cannot be started."""
    lines = ["del echo", "start echo 1 x", "add echo", "add echo", "start echo 1 hi", "exit"]
    done = run(tmp_path / "a", "-ipfs-store", str(store), lines=lines)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: no interpreter 'echo' is installed here; installed: reset_echo, round_echo"
    ]
    said = ["echo is removed", "echo is installed", "echo was installed already", "hi"]
    assert [line for line in done.stdout.splitlines() if line in said] == said


def test_a_reader_that_goes_ends_the_console(tmp_path: Path, store: Path) -> None:
    """As `| head` does: quietly, and nothing is left running."""
    with console(tmp_path / "a", "-ipfs-store", str(store)) as child:
        child.send("start round_echo 2 1000000 0.05\n")
        child.until("round 1 of 1000000")
        assert child.process.stdout is not None
        child.process.stdout.close()
        assert child.end() == 1
        assert left_behind(child.process.pid, tmp_path) == []


# --- what cannot be used ----------------------------------------------------------------------------------


def test_a_missing_store(tmp_path: Path) -> None:
    """Its name is in the text."""
    done = run(tmp_path / "a", "-ipfs-store", str(tmp_path / "missing"))
    assert is_one_line_error(done), done
    assert "missing" in done.stderr


@pytest.mark.parametrize("address", ["nonsense", "/ip4/1.2.3.4/udp/1", "/ip4/127.0.0.1/tcp/1/p2p/Qm"])
def test_an_unusable_address_of_a_peer(tmp_path: Path, address: str) -> None:
    """An example of a good one is in the text."""
    done = run(tmp_path / "a", "-peer", address)
    assert is_one_line_error(done), done
    assert "Example: /ip4/" in done.stderr


@pytest.mark.parametrize("harm", ["corrupt", "world-readable"])
def test_an_unusable_identity(tmp_path: Path, harm: str) -> None:
    """What to do is in the text."""
    path = tmp_path / "a"
    assert run(path, "-q").returncode == 0
    identity = path / "identity"
    if harm == "corrupt":
        identity.write_bytes(identity.read_bytes()[:-8])
    else:
        identity.chmod(0o644)
    done = run(path)
    assert is_one_line_error(done), done
    assert str(identity) in done.stderr


def test_a_second_daemon_on_the_same_port_or_path(tmp_path: Path) -> None:
    """The first one goes on."""
    with console(tmp_path / "a") as child:
        port = child.until(r"-peer /ip4/127\.0\.0\.1/tcp/(\d+)/")[1]
        same_port = run(tmp_path / "b", "--listen", f"/ip4/127.0.0.1/tcp/{port}")
        assert is_one_line_error(same_port), same_port
        assert port in same_port.stderr
        same_path = run(tmp_path / "a")
        assert is_one_line_error(same_path), same_path
        assert str(child.process.pid) in same_path.stderr
        child.send("help exit\nexit\n")
        child.until("^exit: |\nexit: ")
        assert child.end() == 0


# --- signals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(tmp_path: Path, store: Path, number: int) -> None:
    """With a job that has hours to go; the exit code tells the signal, nothing complains, nothing is left."""
    path = tmp_path / "a"
    with console(path, "-ipfs-store", str(store)) as child:
        child.send("start round_echo 2 1000000 0.05\n")
        child.until("round 1 of 1000000")
        child.signal(number)
        assert child.end() == 128 + number
        assert left_behind(child.process.pid, tmp_path) == []
        assert child.process.stdout is not None
        assert b"Traceback" not in child.process.stdout.read()
    assert run(path, "-q").returncode == 0


# --- two of them ------------------------------------------------------------------------------------------


def test_two_consoles_run_a_job_across(tmp_path: Path, store: Path) -> None:
    """The second joins by the line that the first prints; ranks go to both, and both hear of the end."""
    flags = ("-ipfs-store", str(store), "--slots", "1")
    with console(tmp_path / "a", *flags) as one:
        address = one.until(r"-peer (/ip4/\S+)\n")[1]
        one.send("list\n")  # answered once all are installed
        one.until("installed")
        with console(tmp_path / "b", *flags, "-peer", address, "--events", str(tmp_path / "e")) as two:
            one.until("peer …\\w{8} joined at")
            two.until("peer …\\w{8} joined at")
            two.send("start echo 2 hi\n")
            two.until("\nhi\n")
            two.until("finished after")
            two.send("peers\nexit\n")
            two.until("\\(here\\)")
            assert two.end() == 0
        one.until("peer …\\w{8} left")
        one.send("exit\n")
        assert one.end() == 0
    told = [json.loads(line) for line in (tmp_path / "e").read_text().splitlines()]
    hosts = {event["daemon_pid"] for event in told if event["event"] == "rank-started"}
    assert len(hosts) == 2


# --- a terminal -------------------------------------------------------------------------------------------


def test_a_person_at_a_terminal(tmp_path: Path, store: Path) -> None:
    """Output above the prompt, completion, Ctrl-C clears the line, Ctrl-D ends; the history is private."""
    path = tmp_path / "a"
    with terminal_console(path, "-ipfs-store", str(store)) as child:
        child.until("`help` lists")
        child.until(">")
        child.send("start echo 2 hi there\r")
        child.until("[\n>]hi there\r\n")
        child.until("finished after")
        child.send("sta\t")
        child.until("start")
        child.send("echo 1 completed\r")
        child.until("[\n>]completed\r\n")
        child.send("start round_echo 2 3 0.05\r")
        child.until("round 1 of 3")
        child.until("finished after")
        child.send("rubbish")
        child.until("rubbish")
        child.send("\x03strat\r")
        child.until("did you mean 'start'")
        child.send("\x04")
        assert child.end() == 0
        assert "rubbishstrat" not in child.all
    history = path / "history"
    assert "+start echo 2 hi there\n" in history.read_text()
    assert os.stat(history).st_mode & 0o777 == 0o600


def test_ctrl_c_at_an_empty_prompt_ends_it(tmp_path: Path, store: Path) -> None:
    """At once, with the jobs; the exit code is 0."""
    with terminal_console(tmp_path / "a", "-ipfs-store", str(store)) as child:
        child.until(">")
        child.send("start round_echo 2 1000000 0.05\r")
        child.until("round 1 of 1000000")
        child.send("\x03")
        assert child.end() == 0
        assert left_behind(child.process.pid, tmp_path) == []


def test_ctrl_c_while_exit_waits_ends_the_jobs(tmp_path: Path, store: Path) -> None:
    """`exit` waits for jobs; a person may change their mind."""
    with terminal_console(tmp_path / "a", "-ipfs-store", str(store)) as child:
        child.until(">")
        child.send("start round_echo 2 1000000 0.05\r")
        child.until("round 1 of 1000000")
        child.send("exit\r")
        child.until("waiting for jobs to end")
        child.send("\x03")
        assert child.end() == 0, child.rest()
        assert left_behind(child.process.pid, tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_terminal_console(tmp_path: Path, number: int) -> None:
    """The prompt ends, too, and leaves the terminal as it was."""
    with terminal_console(tmp_path / "a") as child:
        before = child.settings()
        child.until(">")
        assert child.settings() != before
        child.signal(number)
        assert child.end() == 128 + number
        assert child.settings() == before
        assert left_behind(child.process.pid, tmp_path) == []
