"""The sender's log gives payloads back as they were, and keeps to its limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.config import LaneLimits
from mpi_actors.errors import SendLogFull
from mpi_actors.replay.log import Payload, SendLog


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """Payloads come back the same, from memory and from the spill file, which has no name."""
    log = SendLog(LaneLimits(log_memory=100), directory=str(tmp_path))
    payloads = [bytes([number]) * number for number in range(60)]
    stored = [log.add(payload) for payload in payloads]
    assert [log.read(each) for each in stored] == payloads
    assert log.memory <= 100 < log.total == sum(map(len, payloads))
    assert list(tmp_path.iterdir()) == []
    log.close()


@pytest.mark.parametrize("limits", [LaneLimits(log_total=10), LaneLimits(log_messages=2)])
def test_a_full_log_says_so(limits: LaneLimits) -> None:
    """More bytes, or more messages, than the limits allow are an error."""
    log = SendLog(limits)
    log.add(b"12345")
    log.add(b"12345")
    with pytest.raises(SendLogFull, match="send less"):
        log.add(b"1")
    log.close()


@pytest.mark.parametrize("memory", [0, 10_000_000])
def test_equal_payloads_are_kept_once(memory: int) -> None:
    """A payload kept in several forms takes its size once; one that differs in a byte takes its own."""
    log = SendLog(LaneLimits(log_memory=memory))
    payload = bytes(range(250)) * 400
    forms: list[Payload] = [payload, bytearray(payload), (payload[:7], memoryview(payload)[7:])]
    stored = [log.add(form) for form in forms]
    assert log.total == len(payload)
    other = bytearray(payload)
    other[-1] ^= 1
    stored.append(log.add(memoryview(other)))
    other[-1] ^= 1
    assert log.total == 2 * len(payload)
    assert log.count == 4
    read = [bytes(log.read(each)) for each in stored]
    assert read[:3] == [payload] * 3
    assert read[3][:-1] == payload[:-1]
    assert read[3][-1] == payload[-1] ^ 1
    log.close()


def test_a_disk_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A spill file that cannot be made is an error of the log."""
    log = SendLog(LaneLimits(log_memory=0), directory=str(tmp_path / "missing"))
    with pytest.raises(SendLogFull, match="cannot be written"):
        log.add(b"1")
