"""One-sided communication (MPI 4.1, chapter 12): refused, with an error that says so.

- `window`: the class `MPI.Win`, of which no object can be made.
"""
