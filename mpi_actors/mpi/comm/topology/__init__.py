"""Virtual topologies and communication with neighbours (MPI 4.1, chapter 8)."""
