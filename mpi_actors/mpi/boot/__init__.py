"""What the process of a rank runs: `python -m mpi_actors.mpi.boot`.

- `seeds`: the seeds of its random numbers;
- `program`: finds the script or module, and runs it;
- `life`: from the start of the process to its end.
"""
