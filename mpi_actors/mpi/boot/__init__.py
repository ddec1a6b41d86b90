"""What the process of a rank runs: `python -m mpi_actors.mpi.boot`.

It runs the program as Python itself would, and tells the daemon how that ended. From the bottom up:

- `seeds`: seeds the program's random numbers, the same in each incarnation;
- `program`: finds the script or module, and runs it;
- `life`: from the start of the process to its end;
- `__main__`: calls that.
"""
