"""Settings that make numerical libraries compute the same on each host of a job.

They choose code for the processor that they find, and split sums among the threads that they have: both
change the last bits of a result. NumPy itself is told by the rank's own process, see `mpi.boot.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..process.host_kind import AVX2, host_kind

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads OpenMP, OpenBLAS and MKL use. All follow the first, unless they are set themselves."""
_ONE = "1"
"""Threads of a rank by default: a program that uses MPI has a rank for each processor."""
_CODE = {"OPENBLAS_CORETYPE": "Haswell", "MKL_CBWR": "AVX2"}
"""The code that OpenBLAS and MKL use: the best that most processors of the last ten years have."""


def pinned(given: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for a rank. What the user has set stays.

    Args:
        given: the user's environment.
    """
    threads = given.get(_THREADS[0], _ONE).partition(",")[0]
    found = dict.fromkeys(_THREADS, threads)
    if AVX2 in host_kind().processor.split():
        found |= _CODE
    return {name: value for name, value in found.items() if name not in given}
