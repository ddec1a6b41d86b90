"""The public way to a pool: names, usage errors, pools in memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from trio.testing import MockClock

import mpi_actors
from mpi_actors.errors import UsageError


@pytest.mark.parametrize("name", mpi_actors.__all__)
def test_public_names_are_there(name: str) -> None:
    """Each name in `__all__` can be imported."""
    assert getattr(mpi_actors, name) is not None
    assert name in dir(mpi_actors)


def test_other_names_are_not() -> None:
    """Another name raises the usual AttributeError."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        mpi_actors.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_a_rank_loads_no_network() -> None:
    """`import mpi_actors` imports neither trio nor libp2p; naming `open_pool` no libp2p."""
    code = """if True:
        import sys
        import mpi_actors
        print([name for name in ("trio", "libp2p", "attrs") if name in sys.modules])
        mpi_actors.open_pool
        print([name for name in ("libp2p",) if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


async def hello(rank: Any) -> None:
    """Log the argument, at rank 0."""
    if rank.rank == 0:
        await rank.log(rank.args[0])


async def test_a_pool_in_memory_runs_functions(autojump_clock: MockClock) -> None:
    """The example of the documentation works."""
    async with mpi_actors.open_pool(peers=2, memory=True, programs={"hello": hello}) as pool:
        job = await pool.start("hello", 2, "hi")
        result = await job.wait()
        with pytest.raises(UsageError, match="need real daemons"):
            await pool.start_script("script.py", 2)
    assert (result.ok, result.output) == (True, ("hi",))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"peers": 0}, "at least 1"),
        ({}, "name a store"),
        ({"memory": True, "store": "."}, "no store"),
        ({"memory": True, "scripts": ["a.py"]}, "no store"),
        ({"scripts": ["nowhere.py"]}, "cannot run 'nowhere.py': there is no such file"),
        ({"programs": {}, "store": "."}, "memory=True"),
    ],
)
async def test_what_makes_no_sense_is_said(arguments: dict[str, Any], text: str) -> None:
    """A usage error says what to do instead."""
    with pytest.raises(UsageError, match=text):
        async with mpi_actors.open_pool(**arguments):
            raise AssertionError("it opened")
