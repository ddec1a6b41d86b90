"""What ranks report to their coordinator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadFrame
from mpi_actors.wire.reports import LogReport, Report, ResetReport, decode_report, encode_report


@given(st.builds(LogReport, st.binary()) | st.builds(ResetReport, st.integers(0, 2**32 - 1)))
def test_what_is_encoded_is_decoded(report: Report) -> None:
    """A report comes back as it was."""
    assert decode_report(encode_report(report)) == report


@given(st.binary(max_size=20) | st.binary(max_size=20).map(lambda data: b"R" + data))
def test_garbage_is_a_bad_frame(payload: bytes) -> None:
    """Any bytes are a report or a named error."""
    try:
        report = decode_report(payload)
    except BadFrame:
        return
    assert decode_report(encode_report(report)) == report


@pytest.mark.parametrize(
    "payload", [b"", b"X", b"R", b"R-1", b"R 1", b"R1x", b"R\xc2\xb2", b"R" + b"9" * 11, b"R" + b"9" * 5000]
)
def test_what_is_no_report_is_refused(payload: bytes) -> None:
    """Neither an unknown letter nor a rank that is not a number, however long, is accepted."""
    with pytest.raises(BadFrame, match="report"):
        decode_report(payload)
