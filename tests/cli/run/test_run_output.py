"""What `run` shows, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mpi_actors.cli.run.output import OURS, Output, Terminal
from mpi_actors.coordination.result import JobResult
from mpi_actors.errors import UsageError
from mpi_actors.events import Event, JobFinished, Log, RankLost, RankStarted
from mpi_actors.ids import JobId, PeerId

JOB = JobId("0123456789abcdef")


class Paper(Terminal):
    """A terminal that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self._same = False
        self.text = {1: "", 2: ""}

    async def write(self, number: int, text: str, writer: int = OURS) -> None:
        await trio.lowlevel.checkpoint()
        self.text[number] += self._begun(number, text, writer)


def line(rank: int, text: str, stream: str = "log") -> Event:
    return Log(job=JOB, rank=rank, text=text, stream=stream)


LINES = [line(0, "a"), line(1, "b"), line(0, "c", "stderr"), line(1, "d", "stderr"), line(0, "")]


@pytest.mark.parametrize(
    ("mpi", "prefix", "out", "err"),
    [
        (True, False, "a\nb\n\n", "c\nd\n"),
        (True, True, "[0] a\n[1] b\n[0] \n", "[0] c\n[1] d\n"),
        (False, False, "a\n\n", "[1] b\n[0] c\n[1] d\n"),
        (False, True, "[0] a\n[0] \n", "[1] b\n[0] c\n[1] d\n"),
    ],
)
async def test_each_line_has_its_place(mpi: bool, prefix: bool, out: str, err: str) -> None:
    """Lines of an mpi4py program keep their stream; the answer of other programs stands alone."""
    paper = Paper()
    async with Output(paper, None, mpi=mpi, prefix=prefix) as output:
        for event in LINES:
            await output.on_event(0, 1.0, event)
            await output.on_event(1, 1.0, event)  # the same event of another peer is not shown
    assert paper.text == {1: out, 2: err}


async def test_what_becomes_of_ranks_is_told() -> None:
    """A loss and a replacement are shown, a first start is not."""
    paper = Paper()
    peer = PeerId("12D3KooWabcdefgh")
    async with Output(paper, None, mpi=True, prefix=False) as output:
        for number in (0, 1):
            await output.on_event(
                0, 1.0, RankStarted(job=JOB, rank=2, incarnation=number, peer=peer, pid=1, daemon_pid=1)
            )
            if not number:
                await output.on_event(
                    0, 1.0, RankLost(job=JOB, rank=2, incarnation=0, peer=peer, reason="killed by SIGKILL")
                )
    assert paper.text[2].splitlines() == [
        "mpi-actors: rank 2 on …abcdefgh is lost: killed by SIGKILL",
        "mpi-actors: rank 2 runs again, on …abcdefgh",
    ]


def failed(reason: str) -> JobResult:
    return JobResult(JOB, ok=False, exit_code=1, reason=reason, seconds=1.0, output=())


@pytest.mark.parametrize("shown", [False, True], ids=["not-shown", "shown-before"])
async def test_a_failure_is_said_once(shown: bool) -> None:
    """The end of the program's standard error is shown once, then one line with the reason."""
    paper = Paper()
    async with Output(paper, None, mpi=True, prefix=False) as output:
        if shown:
            await output.on_event(0, 1.0, line(3, "Traceback", "stderr"))
            await output.on_event(0, 1.0, line(3, "Error: no", "stderr"))
        await output.on_event(0, 1.0, line(1, "other", "stderr"))
        await output.conclude(
            failed("rank 3 failed: exit code 1; its standard error ended with:\nTraceback\nError: no")
        )
    said = paper.text[2].splitlines()
    assert said[-1] == "mpi-actors: job failed: rank 3 failed: exit code 1"
    assert sorted(said[:-1]) == ["Error: no", "Traceback", "other"]


async def test_success_says_nothing() -> None:
    """A job that ends well adds no line of ours, as with mpiexec."""
    paper = Paper()
    finished = JobFinished(job=JOB, ok=True, exit_code=0, reason="", seconds=1.0)
    async with Output(paper, None, mpi=True, prefix=False) as output:
        await output.on_event(0, 1.0, finished)
        await output.conclude(JobResult(JOB, ok=True, exit_code=0, reason="", seconds=1.0, output=()))
    assert paper.text == {1: "", 2: ""}


async def test_events_need_a_file_that_can_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is a usage error."""
    with pytest.raises(UsageError, match="cannot write events"):
        async with Output(Paper(), tmp_path / "no" / "where", mpi=True, prefix=False):
            raise AssertionError("it opened")
