%{
#include <mpi4py/mpi4py.h>
%}
