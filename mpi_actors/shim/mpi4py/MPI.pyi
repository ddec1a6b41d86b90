from mpi_actors.MPI import *  # noqa: F403
