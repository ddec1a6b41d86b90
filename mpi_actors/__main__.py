"""`python -m mpi_actors`: the same as the command `mpi-actors`."""

from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
