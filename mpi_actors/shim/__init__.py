"""What is put in front of `sys.path` of a rank's process: a package `mpi4py` that is `mpi_actors.MPI`."""

from __future__ import annotations

import os

FOLDER = os.path.dirname(os.path.abspath(__file__))
"""For PYTHONPATH."""
