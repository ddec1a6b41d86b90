"""`python -m mpi_actors.mpi.boot [-m module | script] arguments…`: the process of a rank."""

from __future__ import annotations

from mpi_actors.mpi.boot.life import main

if __name__ == "__main__":
    main()
