"""One-sided communication (MPI 4.1, chapter 12): refused, with an error that says so."""
