"""What NumPy may use of the processor, in a rank."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from mpi_worlds import SHIM

FEATURES = """
import os, numpy
try:
    from numpy._core import _multiarray_umath as compiled
except ImportError:
    from numpy.core import _multiarray_umath as compiled
used = [name for name, have in compiled.__cpu_features__.items() if have]
print(sorted(set(used) & set(compiled.__cpu_dispatch__)))
print(os.environ.get("NPY_DISABLE_CPU_FEATURES"), type(compiled.__spec__.loader).__name__)
"""


def features(place: Path, *options: str, **environment: str) -> list[str]:
    """What a rank prints of NumPy's features."""
    (place / "program.py").write_text(FEATURES)
    done = subprocess.run(
        [sys.executable, *options, "-m", "mpi_actors.mpi.boot", str(place / "program.py")],
        env={**os.environ, "PYTHONPATH": str(SHIM), **environment},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture(autouse=True)
def _needs_numpy() -> None:
    pytest.importorskip("numpy")


def test_numpy_does_without_avx512(tmp_path: Path) -> None:
    """Whatever its version calls it, without a warning, and nothing is left of the setting."""
    used, left = features(tmp_path, "-W", "error::ImportWarning")
    assert "512" not in used
    assert "X86_V4" not in used
    assert left == "None ExtensionFileLoader"


def test_what_the_user_says_stays(tmp_path: Path) -> None:
    """Also where it says nothing: without replay, NumPy uses what it finds."""
    everything, _ = features(tmp_path, MPI_ACTORS_REPLAY="0")
    assert features(tmp_path, NPY_DISABLE_CPU_FEATURES="")[0] == everything


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only there has NumPy code for AVX-512")
def test_a_numpy_that_needs_what_it_must_do_without_is_loaded(tmp_path: Path) -> None:
    """It was built for processors that have AVX-512: it raises, and gets what it wants."""
    package = tmp_path / "numpy" / "_core"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "_multiarray_umath.py").write_text(
        "import os\nif 'NPY_DISABLE_CPU_FEATURES' in os.environ:\n    raise RuntimeError('of the baseline')\n"
    )
    (tmp_path / "program.py").write_text("import numpy._core._multiarray_umath\nprint('loaded')\n")
    done = subprocess.run(
        [sys.executable, "-m", "mpi_actors.mpi.boot", str(tmp_path / "program.py")],
        env={**os.environ, "PYTHONPATH": str(SHIM)},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("loaded\n", "")
