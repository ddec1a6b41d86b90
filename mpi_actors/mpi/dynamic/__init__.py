"""Dynamic processes (MPI 4.1, chapter 11): refused, with an error that says so."""
