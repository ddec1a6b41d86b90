"""Error classes and codes, and the exception that carries them (MPI 4.1, chapter 9)."""
