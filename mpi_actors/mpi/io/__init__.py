"""Parallel files (MPI 4.1, chapter 14): refused, with an error that says so."""
