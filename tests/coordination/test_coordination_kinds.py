"""How two hosts differ, in words."""

from __future__ import annotations

import pytest

from mpi_actors.coordination.kinds import difference
from mpi_actors.wire.fields import HostKind

OLD = HostKind("x86_64 avx avx2 avx512f", "3.11.7", "2.4.6")


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (OLD, ""),
        (HostKind("x86_64 avx avx2", "3.11.7", "2.4.6"), "a processor without avx512f"),
        (HostKind("x86_64 avx avx2 fma", "3.11.7", "2.4.6"), "a processor without avx512f and with fma"),
        (
            HostKind("aarch64 asimd", "3.12.1", ""),
            "a processor of the architecture aarch64 instead of x86_64, Python 3.12.1 instead of 3.11.7, "
            "NumPy (none) instead of 2.4.6",
        ),
        (
            HostKind(),
            "a processor of the architecture ? instead of x86_64, Python ? instead of 3.11.7, "
            "NumPy (none) instead of 2.4.6",
        ),
    ],
)
def test_what_differs_is_named(now: HostKind, words: str) -> None:
    """And nothing else."""
    assert difference(OLD, now) == words
