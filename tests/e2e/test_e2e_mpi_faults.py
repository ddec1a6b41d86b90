"""Unchanged mpi4py programs whose rank processes and daemons are killed print what they print undisturbed.

A few losses of each sort; `mpi-actors bench mpi-faults` causes as many as one likes, in the same way.
"""

from __future__ import annotations

import pytest
import trio
from e2e_harness import EXAMPLES

from mpi_actors.bench import mpi_faults

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("loss", ["process", "daemon"])
@pytest.mark.parametrize("program", list(mpi_faults.PROGRAMS))
async def test_losses_change_nothing(program: str, loss: mpi_faults.Loss) -> None:
    """At moments that a seed decides: the output is the same, and the replacements were measured."""
    with trio.fail_after(600):
        result = await mpi_faults.measure(EXAMPLES, program, runs=2, loss=loss, seed=4)
    assert result.failures == ()
    assert result.right == 2
    assert len(result.started_s) == 2
    assert min(result.started_s) > 0
