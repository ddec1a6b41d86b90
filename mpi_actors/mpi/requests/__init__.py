"""Requests: operations that are under way (MPI 4.1, chapters 3 and 13)."""
