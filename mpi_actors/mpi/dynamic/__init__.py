"""Dynamic processes (MPI 4.1, chapter 11): refused, with an error that says so.

- `ports`: ports and published names, by which jobs would connect.
"""
