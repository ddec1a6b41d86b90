"""What ranks are told so that they compute the same on each host."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from mpi_actors.config import ReplayOptions
from mpi_actors.ids import JobId
from mpi_actors.process.host_kind import host_kind
from mpi_actors.process.limits import ResourceLimits
from mpi_actors.programs.arithmetic import pinned
from mpi_actors.programs.command import mpi_spec, script_spec
from mpi_actors.programs.program import Order
from mpi_actors.wire.environment import ENTROPY, SEED
from mpi_actors.wire.script import ScriptProgram

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ORDER = Order(job=JobId("a" * 16), rank=1, incarnation=0, size=3, program="p", secret=b"s" * 32)


def script(**env: str) -> ScriptProgram:
    """A script with this environment."""
    return ScriptProgram(name="p", argv=("p.py",), cwd="/", env=env)


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, ["1", "1", "1"]),
        ({"OMP_NUM_THREADS": "4"}, [None, "4", "4"]),
        ({"OMP_NUM_THREADS": "4,2"}, [None, "4", "4"]),
        ({"MKL_NUM_THREADS": "8"}, ["1", "1", None]),
    ],
)
def test_the_number_of_threads_is_the_same_everywhere(
    given: dict[str, str], threads: list[str | None]
) -> None:
    """One, or what the user has set."""
    assert [pinned(given).get(name) for name in THREADS] == threads


def test_the_code_is_what_most_processors_have() -> None:
    """Where this one has it."""
    expected = "Haswell" if "avx2" in host_kind().processor.split() else None
    assert pinned({}).get("OPENBLAS_CORETYPE") == expected
    assert "OPENBLAS_CORETYPE" not in pinned({"OPENBLAS_CORETYPE": "Zen"})


def test_ranks_get_these_settings(tmp_path: Path) -> None:
    """Scripts, with what their users have set, and interpreters."""
    env = script_spec(ORDER, script(OMP_NUM_THREADS="3", MINE="yes")).env
    assert [env[name] for name in (*THREADS, "MINE")] == ["3", "3", "3", "yes"]
    env = mpi_spec(ORDER, tmp_path, ResourceLimits()).env
    assert [env[name] for name in THREADS] == ["1", "1", "1"]


def test_without_replay_nothing_is_set(tmp_path: Path) -> None:
    """A script then runs as it would without us."""
    order = attrs.evolve(ORDER, replay=ReplayOptions(replay=False))
    for env in (script_spec(order, script()).env, mpi_spec(order, tmp_path, ResourceLimits()).env):
        assert not {*THREADS, "OPENBLAS_CORETYPE", "MKL_CBWR", SEED, ENTROPY} & set(env)
    assert "PYTHONHASHSEED" not in script_spec(order, script()).env
