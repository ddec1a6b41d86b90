"""The parts of the warden process that can be used without starting it."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.process import warden_main

messages = st.tuples(st.sampled_from(["spawn", "signal"]), st.integers(), st.binary(), st.text())


@given(st.lists(messages), st.lists(st.integers(0, 300)))
def test_frames_survive_any_chunking(sent: list[tuple[object, ...]], cuts: list[int]) -> None:
    """Messages come out whole and in order, however the bytes arrive."""
    data = b"".join(map(warden_main.pack, sent))
    buffer = bytearray()
    received = []
    edges = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    for start, end in pairwise(edges):
        buffer += data[start:end]
        received += warden_main.take_frames(buffer)
    assert (received, bytes(buffer)) == (sent, b"")


def test_both_ways_to_list_children_agree() -> None:
    """The scan of all processes, for kernels without the children file, finds the same children."""
    with subprocess.Popen(["sleep", "1000"]) as child:
        try:
            assert child.pid in warden_main.children_by_scan()
            assert sorted(warden_main.children()) == sorted(warden_main.children_by_scan())
        finally:
            child.kill()


def test_marker_of() -> None:
    """The marker of another process is read from its environment; it is empty where there is none."""
    for env, marker in [({"A": "b", warden_main.MARKER: "t.1"}, b"t.1"), ({"A": "b"}, b""), ({}, b"")]:
        with subprocess.Popen(["/bin/cat"], stdin=-1, stdout=-1, env=env) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"x")
            child.stdin.flush()
            assert child.stdout.read(1) == b"x"  # exec is long over
            assert warden_main.marker_of(child.pid) == marker
            child.stdin.close()
        assert warden_main.marker_of(child.pid) == b""


def test_a_marker_is_not_denied_during_exec() -> None:
    """Just after exec, when the kernel shows no environment yet, the answer is None."""
    for _ in range(100):
        with subprocess.Popen(["/bin/sleep", "1000"], env={warden_main.MARKER: "t.1"}) as child:
            found = warden_main.marker_of(child.pid)
            child.kill()
        assert found in (None, b"t.1")


def test_imports_little() -> None:
    """The warden process starts without this package, trio, or other large modules."""
    code = f"import sys; sys.argv[1:] = []; exec(open({warden_main.__file__!r}).read(), {{'__name__': 'w'}})"
    command = [sys.executable, "-I", "-S", "-c", f"{code}; print(*sys.modules)"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(names) < 80
    assert not {"mpi_actors", "trio", "attrs", "asyncio", "typing", "subprocess"} & set(names)
