"""Nothing to check: every peer has the Python and the mpi4py that run.py needs."""
