"""Before a rank prints, its choices are recorded; and the streams are as Python made them."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from mpi_actors.mpi.boot.output import record_before_output

def facts(stream):
    return (stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.name,
            stream.mode, stream.buffer.name, stream.fileno(), stream.isatty())

before = [facts(stream) for stream in (sys.stdout, sys.stderr)]
seen = []
record_before_output(lambda: seen.append(1))
assert [facts(stream) for stream in (sys.stdout, sys.stderr)] == before
assert (sys.__stdout__, sys.__stderr__) == (sys.stdout, sys.stderr)
print("one\\udc80\\r")
print("two", file=sys.stderr)
count = len(seen)
sys.stdout.flush()
assert count >= 1 and len(seen) <= count + 1
sys.stdout.buffer.write(b"three\\n")
"""


@pytest.mark.parametrize("option", ["-B", "-u"])
def test_choices_are_recorded_before_a_line_leaves(option: str) -> None:
    """With buffers and without; nothing else about the streams changes."""
    environment = {"PYTHONUTF8": "1", "LC_ALL": "C"}
    result = subprocess.run([sys.executable, option, "-c", PROGRAM], capture_output=True, env=environment)
    assert (result.returncode, result.stderr) == (0, b"two\n")
    assert result.stdout == b"one\x80\r\nthree\n"
