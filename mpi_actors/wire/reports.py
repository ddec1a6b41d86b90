"""What a rank reports to its job's coordinator on their lane: numbered, so that no repeat counts twice."""

from __future__ import annotations

import attrs

from ..errors import BadFrame
from ..ids import Rank


@attrs.frozen
class LogReport:
    """The program logged a line."""

    text: bytes


@attrs.frozen
class ResetReport:
    """The program asks that another incarnation take over a rank."""

    rank: Rank


Report = LogReport | ResetReport


def encode_report(report: Report) -> bytes:
    """A report as a lane's message."""
    match report:
        case LogReport(text):
            return b"L" + text
        case ResetReport(rank):
            return b"R%d" % rank


def decode_report(payload: bytes) -> Report:
    """The reverse of `encode_report`.

    Raises:
        BadFrame: it is no report.
    """
    if payload[:1] == b"L":
        return LogReport(payload[1:])
    if payload[:1] == b"R" and len(payload) < 12 and payload[1:].isdigit():
        return ResetReport(int(payload[1:]))
    raise BadFrame(f"a report that begins with {payload[:16]!r}")
