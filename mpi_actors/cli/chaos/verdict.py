"""What a run with faults came to. Pure."""

from __future__ import annotations

import enum
import re

from ... import errors
from ...coordination.result import JobResult
from ...events import STDERR_FOLLOWS
from .transcript import Expectation, Transcript


class RunVerdict(enum.Enum):
    """How a run ended."""

    RIGHT = "right"
    """It gave what it gives undisturbed."""
    FAILED = "failed by name"
    """It did not go on, and said so, with an error that names what happened."""
    WRONG = "wrong"
    """It gave something else, or failed in a way that says nothing of a loss."""
    HUNG = "hung"
    """It had not ended after many times as long as it takes undisturbed."""


NO_PEER = "NoPeer"
"""The name of the failure of a job of which no peer could take a rank: there is no error class for it."""

_NAMES = re.compile(r"\b([A-Z][A-Za-z]+)\b(?=:)")


def name_of(reason: str) -> str:
    """Return the name of the error in the reason of a failed job; "" if there is none of ours in it."""
    said = reason.partition(STDERR_FOLLOWS)[0].partition("\n")[0]
    for name in _NAMES.findall(said):
        found = getattr(errors, name, None)
        if isinstance(found, type) and issubclass(found, errors.MpiActorsError):
            return str(name)
    return NO_PEER if "no peer could take rank" in said else ""


def judge(
    result: JobResult, found: Transcript, expected: Expectation, code: int
) -> tuple[RunVerdict, str, list[str]]:
    """Return the verdict on a run that has ended, the name of its error if it failed, and what is wrong.

    Args:
        result: how the run ended.
        found: what it wrote.
        expected: what undisturbed runs wrote.
        code: the exit code of these.
    """
    if result.exit_code == code and result.ok == (code == 0):
        differences = expected.differences(found)
        return (RunVerdict.WRONG if differences else RunVerdict.RIGHT), "", differences
    name = name_of(result.reason)
    if not result.ok and name:
        return RunVerdict.FAILED, name, []
    return (
        RunVerdict.WRONG,
        "",
        [f"exit code {result.exit_code} in place of {code}: {result.reason.partition(chr(10))[0]}"],
    )
