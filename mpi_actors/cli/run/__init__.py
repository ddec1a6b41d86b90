"""`run`: a pool for one program, with the manners of `mpiexec`."""
