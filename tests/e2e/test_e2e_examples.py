"""Every example on a pool of real daemons."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
import trio
from e2e_harness import EXAMPLES, leaves_nothing
from e2e_ring import ring
from example_models import collectives, stencil

from mpi_actors.pool.local.pool import open_local_pool

pytestmark = pytest.mark.e2e

ANSWERS: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "echo": (2, ("hello", "there"), ("hello there",)),
    "round_echo": (3, ("2",), (f"round 1 of 2: {ring(3, 1)[:16]}", f"round 2 of 2: {ring(3, 2)[:16]}",
                               f"answer: {ring(3, 2)}")),
    "stencil": (3, ("16", "21"), tuple(stencil(16, 21))),
    "mpi_collectives": (3, ("10", "2"), tuple(collectives(3, 10, 2))),
}  # fmt: skip
"""Ranks, arguments and rank 0's log, where that is known beforehand."""

OTHERS: dict[str, tuple[int, tuple[str, ...]]] = {
    "dummy": (3, ()),
    "master_worker": (3, ("20", "10")),
    "mpi_pi": (3, ("1000",)),
    "multi_echo": (3, ("2",)),
    "pi": (3, ("1000",)),
    "random_reset": (2, ()),
    "reset_echo": (2, ()),
    "words": (3, ("the cat", "The dog", "a cat, the", "10 9 10")),
}
"""Ranks and arguments of the others."""


def test_every_example_is_covered() -> None:
    """Every directory in example/ is run here, except the one that refuses."""
    names = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert {*ANSWERS, *OTHERS, "failing"} == names


async def test_every_example_gives_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends well, with the answer that it has, over two peers and again on one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with trio.fail_after(600), leaves_nothing(tmp_path):
        async with open_local_pool(EXAMPLES, peers=2) as pool:
            outputs: dict[tuple[str, int], tuple[str, ...]] = {}
            for at in (0, 1):
                for name, (size, args) in OTHERS.items():
                    result = await (await pool.start(name, size, *args, at=at)).wait()
                    assert result.ok, result.reason
                    outputs[name, at] = result.output
            for name, (size, args, expected) in ANSWERS.items():
                result = await (await pool.start(name, size, *args)).wait()
                assert result.ok, result.reason
                assert result.output == expected
    for name in OTHERS:
        assert outputs[name, 0]
        assert outputs[name, 0] == outputs[name, 1]
    assert any(str(math.pi)[:6] in line for line in outputs["pi", 0])
    assert outputs["mpi_pi", 0] == outputs["pi", 0]
