"""`mpi4py.MPI` is `mpi_actors.MPI`: one module under both names."""

import sys

import mpi_actors.MPI as _MPI

_MPI._adopt(__name__)
sys.modules[__name__] = _MPI
