"""Resource limits and the environment of programs."""

from __future__ import annotations

import os
import resource
import sys

import pytest
from process_harness import python, run, spec

from mpi_actors.process import ResourceLimits, Warden, clean_environment, interpreter_argv
from mpi_actors.process.limits import OPEN_FILES, lift_open_files

MIB = 1024 * 1024


def test_descriptors_for_many_tunnels() -> None:
    """The daemon raises its limit; programs still start with the limit of before."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, before[1]), before[1]))
        lift_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], 65_536)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        lift_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0]
        assert before[0] == OPEN_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_limits_are_in_force(warden: Warden) -> None:
    """A program finds each limit that its spec has."""
    limits = ResourceLimits(memory=512 * MIB, open_files=64, cpu_seconds=100, file_size=MIB, core=0)
    names = ["AS", "NOFILE", "CPU", "FSIZE", "CORE"]
    code = f"import resource as r; print([r.getrlimit(getattr(r, 'RLIMIT_' + n)) for n in {names}])"
    _, output, errors = await run(warden, python(code, limits=limits))
    assert errors == b""
    expected = [(512 * MIB,) * 2, (64, 64), (100, 105), (MIB, MIB), (0, 0)]
    assert output.decode().rstrip() == str(expected)


async def test_too_little_memory(warden: Warden) -> None:
    """A program that wants more memory than its limit fails by itself."""
    result, _, errors = await run(warden, python("bytearray(10**9)", limits=ResourceLimits(memory=256 * MIB)))
    assert (result.code, b"MemoryError" in errors) == (1, True)
    result, _, _ = await run(warden, python("pass", limits=ResourceLimits(memory=8 * MIB)))
    assert not result.ok


async def test_limits_above_our_own(warden: Warden) -> None:
    """A limit above this process's own is reduced, not refused."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = ResourceLimits(open_files=hard * 2)
    result, output, _ = await run(warden, spec("sh", "-c", "ulimit -n", limits=limits))
    assert (result.ok, int(output)) == (True, hard)


@pytest.mark.parametrize("name", ["memory", "open_files", "cpu_seconds", "file_size", "core"])
def test_negative_limits(name: str) -> None:
    """A negative limit raises an error when it is made."""
    with pytest.raises(ValueError, match=name):
        ResourceLimits(**{name: -1})


def test_unlimited() -> None:
    """None leaves a limit unchanged."""
    assert ResourceLimits(open_files=None, core=None).rlimits() == []


def test_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has what it was made from, and nothing else."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert clean_environment({"A": "b", "TZ": "CET"}, home="/h", seed=2**32 + 5) == {
        "PATH": os.path.dirname(sys.executable) + ":/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "CET",
        "HOME": "/h",
        "TMPDIR": "/h",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "5",
        "A": "b",
    }


async def test_an_interpreter_sees_our_packages(warden: Warden) -> None:
    """The Python of rank programs is that of this environment, and gets its arguments in order."""
    argv = interpreter_argv(4, 2, ["a", "b c"])
    assert argv[1:] == ("run.py", "4", "2", "a", "b c")
    _, output, errors = await run(warden, spec(argv[0], "-c", "import sys, trio; print(sys.prefix)"))
    assert (output.decode().rstrip(), errors) == (sys.prefix, b"")


async def test_the_hash_seed_is_fixed(warden: Warden) -> None:
    """The same seed gives the same string hashes in every process."""
    outputs = {(await run(warden, python("print(hash('x'))")))[1] for _ in range(2)}
    assert len(outputs) == 1
