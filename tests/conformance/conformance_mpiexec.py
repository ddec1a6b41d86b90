"""An `mpiexec` for programs that run one: `-n N PYTHON ARGUMENT…` becomes `mpi_actors run -n N ARGUMENT…`.

What comes first, up to `--`, is the command line of our launcher.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Become the launcher."""
    end = sys.argv.index("--")
    launcher, arguments = sys.argv[1:end], sys.argv[end + 1 :]
    size = arguments[:2]
    # our launcher takes scripts and modules, and runs them with the daemon's own Python
    os.execv(launcher[0], [*launcher, *size, *arguments[3:]])


if __name__ == "__main__":
    main()
