"""What a rank reports to its job's coordinator. Sans-I/O.

Reports are messages of a lane from the rank to the coordinator. The lane numbers them, so that a report that
a later incarnation repeats counts once.
"""

from __future__ import annotations

import attrs

from ..errors import BadFrame
from ..ids import Rank


@attrs.frozen
class LogReport:
    """The program logged a line, or wrote one to standard output."""

    text: bytes
    """The line, without its end."""
    ended: bool = True
    """Whether it had an end: the last line of a program may lack it."""


@attrs.frozen
class ResetReport:
    """The program asks that another incarnation take over the rank `rank`."""

    rank: Rank


Report = LogReport | ResetReport

_MAX_RESET = 11
"""Bytes of the longest ResetReport: a letter and as many digits as the largest rank could have."""


def encode_report(report: Report) -> bytes:
    """Return a report as the payload of a lane's message."""
    match report:
        case LogReport(text, ended):
            return (b"L" if ended else b"H") + text
        case ResetReport(rank):
            return b"R%d" % rank


def decode_report(payload: bytes) -> Report:
    """Return the report that `encode_report` encoded.

    Raises:
        BadFrame: the payload is not a report.
    """
    if payload[:1] in (b"L", b"H"):
        return LogReport(payload[1:], payload[:1] == b"L")
    if payload[:1] == b"R" and len(payload) <= _MAX_RESET and payload[1:].isdigit():
        return ResetReport(int(payload[1:]))
    raise BadFrame(f"a report that begins with {payload[:16]!r}")
