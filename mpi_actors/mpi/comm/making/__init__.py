"""How communicators are made (MPI 4.1, chapter 7)."""
