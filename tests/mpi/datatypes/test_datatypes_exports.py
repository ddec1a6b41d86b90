"""Buffers of buffers in reference cycles, on which CPython's collector can crash (see `exports`)."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROLOGUE = """
import gc, sys
from pickle import PickleBuffer
from mpi_actors.mpi.datatypes import buffer
from mpi_actors.mpi.datatypes.exports import raw, _held, _lingering

class Other:
    pass

def source(kind):
    if kind == "bytearray": return bytearray(range(100))
    if kind == "bytes": return bytes(range(100))
    if kind == "view": return memoryview(bytearray(range(100)))[10:20]
    if kind == "read-only": return memoryview(bytearray(range(100))).toreadonly()
    if kind == "fortran": return memoryview(np.arange(12, dtype="i4").reshape(3, 4, order="F"))
    if kind == "array": return np.arange(100, dtype="u1")
    if kind == "buffer": return buffer(memoryview(bytearray(100))[5:50])
import numpy as np
"""

CIRCLES = """
for round in range(300):
    thing = source({kind!r})
    made = {make}
    other = Other()
    other.all = [thing, made, memoryview(made) if {again} else None, other]
    del thing, made, other
    gc.collect()
buffer.allocate(1)
assert len(_held) + len(_lingering) < 10, (len(_held), len(_lingering))
print("survived")
"""

KINDS = ("bytearray", "bytes", "view", "read-only", "fortran", "array", "buffer")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which may crash."""
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", ["buffer(thing)", "raw(thing)"])
@pytest.mark.parametrize("again", [True, False], ids=["looked at", "alone"])
def test_circles_are_collected(kind: str, make: str, again: bool) -> None:
    """The program ends without a crash, a message or a leak."""
    if kind == "fortran" and make == "buffer(thing)":
        make = "buffer(raw(thing))"
    done = run(PROLOGUE + CIRCLES.format(kind=kind, make=make, again=again))
    assert (done.returncode, done.stdout, done.stderr) == (0, "survived\n", "")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="from CPython 3.13 on no care is needed")
def test_the_care_is_still_needed() -> None:
    """What nothing here does: ask a memoryview for its buffer, and let both become garbage.

    When no version is supported any more in which this fails, `exports` can be simpler.
    """
    code = """
        import gc
        from pickle import PickleBuffer
        for _ in range(300):
            inner = memoryview(bytearray(8))
            circle = [PickleBuffer(inner).raw(), inner]
            circle.append(circle)
            del circle, inner
            gc.collect()
    """
    done = run(code)
    assert done.returncode or done.stderr


@pytest.mark.parametrize("kind", ["bytearray", "view"])
def test_memory_can_grow_again(kind: str) -> None:
    """A bytearray can grow once its buffer is gone."""
    code = """
        from mpi_actors.mpi.datatypes import buffer
        memory = bytearray(100)
        made = buffer(memory) if KIND == "bytearray" else buffer(memoryview(memory)[3:5])
        look = memoryview(made)
        try:
            memory.append(1)
        except BufferError:
            pass
        else:
            raise AssertionError("it grew under a view")
        look.release()
        del look, made
        memory.append(1)
        print("grew")
    """
    done = run(f"KIND = {kind!r}\n" + textwrap.dedent(code))
    assert (done.returncode, done.stdout, done.stderr) == (0, "grew\n", "")
