# For Cython: the C compiler will say that this mpi4py has no interface for C.

cdef extern from "mpi4py/mpi4py.h":
    pass
