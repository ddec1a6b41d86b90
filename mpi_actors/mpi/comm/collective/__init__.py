"""Collective operations of communicators (MPI 4.1, chapter 6)."""
