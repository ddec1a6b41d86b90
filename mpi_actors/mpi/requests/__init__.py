"""Requests: operations that are under way (MPI 4.1, sections 3.7 and 13.2).

This package knows the engine and no communicator: it sees of one only what `handle.HasErrhandler` has. From
the bottom up:

- `state`: what a request points to: a pending operation, perhaps one that can be started again;
- `many`: completing several requests at once;
- `request`: `MPI.Request` and `MPI.Prequest`;
- `generalized`: `MPI.Grequest`, whose operation is the program's own.
"""
