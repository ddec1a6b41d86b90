"""The file of `--events`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mpi_actors.cli.output.eventlog import EventLog
from mpi_actors.errors import UsageError
from mpi_actors.events import Notice


def test_each_event_is_a_line_at_once(tmp_path: Path) -> None:
    """The line is in the file at once, after the old content, with the time of the event."""
    path = tmp_path / "events"
    path.write_text("before\n")
    log = EventLog(path)
    before = time.time()
    log.on_event(Notice(text="grüße\nzwei"))
    first, second = path.read_text().splitlines()
    log.close()
    assert first == "before"
    fields = json.loads(second)
    assert before - 1 <= fields.pop("time") <= time.time() + 1
    assert fields == {"event": "notice", "text": "grüße\nzwei"}


def test_closed_it_takes_no_more(tmp_path: Path) -> None:
    """Closing again does nothing; later events are not written."""
    log = EventLog(tmp_path / "events")
    log.close()
    log.close()
    log.on_event(Notice(text="late"))
    assert (tmp_path / "events").read_text() == ""


@pytest.mark.parametrize("name", ["", "missing/events", "file/events", "a\0b"])
def test_an_unusable_file_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """A directory, a path through a missing directory or through a file, and a bad name are refused."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write events"):
        EventLog(tmp_path / name)


def test_a_pipe_that_nobody_reads_does_not_stop_us(tmp_path: Path) -> None:
    """Opening the pipe does not wait for a reader: it fails."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="nobody reads"):
        EventLog(tmp_path / "pipe")


def test_a_full_disk_is_told_once_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Jobs go on when the disk is full: one warning, no error."""
    log = EventLog(Path("/dev/full"))
    log.on_event(Notice(text="one"))
    log.on_event(Notice(text="two"))
    assert [record.message for record in caplog.records] == [
        "no more events are written to /dev/full: No space left on device"
    ]


async def test_an_event_of_another_process_keeps_its_time(tmp_path: Path) -> None:
    """`run` hears of events later than they happen. A long line is written whole."""
    log = EventLog(tmp_path / "events")
    await log.append(Notice(text="one"), 12.5)
    await log.append(Notice(text="x" * 100_000), 13.0)
    log.close()
    found = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [(event["time"], len(event["text"])) for event in found] == [(12.5, 3), (13.0, 100_000)]


async def test_a_full_disk_does_not_end_a_run() -> None:
    """The complaint goes once to the callable that was given."""
    complaints: list[str] = []
    log = EventLog(Path("/dev/full"), complaints.append)
    await log.append(Notice(text="one"), 1.0)
    await log.append(Notice(text="two"), 2.0)
    assert complaints == ["no more events are written to /dev/full: No space left on device"]
