"""Point-to-point communication (MPI 4.1, chapter 3)."""
