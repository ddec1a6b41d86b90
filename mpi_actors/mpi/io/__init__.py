"""Parallel files (MPI 4.1, chapter 14): refused, with an error that says so.

- `file`: the class `MPI.File`, of which no object can be made.
"""
