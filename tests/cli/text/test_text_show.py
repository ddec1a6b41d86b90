"""Events, tables and numbers as text."""

from __future__ import annotations

import pytest

from mpi_actors import events
from mpi_actors.cli.text.show import Shown, TextKind, describe, printable, show
from mpi_actors.cli.text.tables import one_line, seconds_text, table
from mpi_actors.ids import JobId, PeerId

JOB = JobId("0123456789abcdef")
PEER = PeerId("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")


def log(rank: int, stream: str = "log") -> events.Log:
    """Return an event of a logged line."""
    return events.Log(job=JOB, rank=rank, text="hi", stream=stream)


@pytest.mark.parametrize(
    ("event", "several", "expected"),
    [
        (log(0), False, Shown("hi", TextKind.LOG)),
        (log(3), False, Shown("[3] hi", TextKind.LOG)),
        (log(0), True, Shown("01234567 [0] hi", TextKind.LOG)),
        (log(3), True, Shown("01234567 [3] hi", TextKind.LOG)),
        (log(0, "stderr"), False, Shown("[0 stderr] hi", TextKind.STDERR)),
        (log(0, "stderr"), True, Shown("01234567 [0 stderr] hi", TextKind.STDERR)),
    ],
)
def test_logs_are_plain_for_rank_0_and_marked_for_others(
    event: events.Log, several: bool, expected: Shown
) -> None:
    """When jobs run side by side, each line names its job."""
    assert show(event, several=several) == expected


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (events.JobStarted(job=JOB, program="echo", ranks=1), f"job {JOB} started: echo, 1 rank"),
        (
            events.JobFinished(job=JOB, ok=True, exit_code=0, reason="well", seconds=1.25),
            f"job {JOB} finished after 1.2 s",
        ),
        (
            events.RankLost(job=JOB, rank=1, incarnation=0, peer=PEER, reason="killed\nmore"),
            "job 01234567: rank 1 on …eQAJU5SA is lost: killed",
        ),
        (
            events.RankInstalling(job=JOB, rank=1, incarnation=0, peer=PEER, program="echo"),
            "job 01234567: …eQAJU5SA installs echo for rank 1",
        ),
        (
            events.RankStarted(job=JOB, rank=1, incarnation=1, peer=PEER, pid=1, daemon_pid=1),
            "job 01234567: rank 1 runs again, on …eQAJU5SA",
        ),
        (
            events.RankWaiting(job=JOB, rank=1, seconds=30.0, reason="full"),
            "job 01234567: rank 1 waits up to 30 s for a peer: full",
        ),
        (
            events.PeerJoined(peer=PEER, address="/ip4/1.2.3.4/tcp/5", interpreters=("echo", "pi")),
            "peer …eQAJU5SA joined at /ip4/1.2.3.4/tcp/5: echo, pi",
        ),
        (events.PeerLost(peer=PEER, reason="silence"), "peer …eQAJU5SA left: silence"),
    ],
)
def test_news(event: events.Event, text: str) -> None:
    """News are what a quiet console leaves out."""
    assert show(event) == Shown(text, TextKind.NEWS)


def test_a_failure_is_shown_with_the_rest_of_its_reason_indented() -> None:
    """A failure goes to standard error, even from a quiet console."""
    event = events.JobFinished(job=JOB, ok=False, exit_code=1, reason="rank 1\nTrace\n", seconds=0.5)
    assert show(event) == Shown(f"job {JOB} failed after 0.500 s: rank 1\n    Trace", TextKind.FAILURE)
    assert TextKind.FAILURE.is_error


def test_first_incarnations_are_not_shown() -> None:
    """Only replacements are news."""
    assert show(events.RankStarted(job=JOB, rank=1, incarnation=0, peer=PEER, pid=1, daemon_pid=1)) is None


def test_strangers_do_not_control_the_terminal() -> None:
    """Escape sequences and carriage returns become visible; umlauts and tabs stay."""
    assert printable("a\x1b[2J\rä\t\n\x9b") == "a\ufffd[2J\ufffdä\t\n\ufffd"


def test_tables_line_up() -> None:
    """Each column is as wide as its widest text; no line ends with a space."""
    assert table(("a", "b"), [("long", ""), ("x", "y")]) == ["a     b", "long", "x     y"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0457, "0.046 s"), (12.34, "12.3 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration has as many digits as a person can use."""
    assert seconds_text(seconds) == text


def test_one_line_is_one_and_not_too_long() -> None:
    """White space becomes single spaces, and a long text is cut."""
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"


def test_a_notice_is_always_shown() -> None:
    """Even a quiet console says what a person has to know."""
    assert show(events.Notice(text="mind this")) == Shown("note: mind this", TextKind.FAILURE)


def test_what_a_program_wrote_is_not_repeated_when_its_rank_is_lost() -> None:
    """The console has shown standard error already; `run` has one job and does not name it."""
    reason = f"exit code 1{events.STDERR_FOLLOWS}Traceback\nError"
    lost = events.RankLost(job=JOB, rank=1, incarnation=0, peer=PEER, reason=reason)
    assert describe(lost) == "rank 1 on …eQAJU5SA is lost: exit code 1"
    assert show(lost) == Shown("job 01234567: rank 1 on …eQAJU5SA is lost: exit code 1", TextKind.NEWS)
    assert describe(events.JobStarted(job=JOB, program="echo", ranks=1)) == ""
