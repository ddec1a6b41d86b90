"""What the process of a rank runs: `python -m mpi_actors.mpi.boot`.

It runs the program as Python itself would, and tells the daemon how that ended. From the bottom up:

- `standins`: functions in the place of built-in ones;
- `imports`: acts on modules once they are loaded;
- `seeds`: seeds `random` and `numpy.random`, where other numbers come from the system;
- `entropy`: random numbers from a secret of the rank, the same in each incarnation;
- `clocks`: looks at the clock that a new incarnation repeats;
- `arithmetic`: has NumPy compute the same on each host;
- `outside`: notes files to which another run of the program would append again;
- `output`: records choices before the program prints;
- `repeatable`: has all of this done that the daemon asks for;
- `signals`: lets the program's signal handlers wait while they would come into the middle of a call;
- `leaving`: lets a process stay whose program has ended, also by `os._exit(0)`;
- `program`: finds the script or module, and runs it;
- `life`: from the start of the process to its end;
- `__main__`: calls that.
"""
