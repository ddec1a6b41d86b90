/* For compilers that are led here by mpi4py.get_include(): they say why it does not work. */
#error "This is the mpi4py of mpi_actors: a library in Python, without an interface for C, C++ or Cython"
