"""Collective operations of communicators (MPI 4.1, chapter 6).

The modules check the arguments of a call, parse its buffers and let `mpi.collectives` build this rank's
schedule, which the engine runs. They know nothing of how communicators are made, and algorithms are not their
business. Bottom up:

- `call`: how a communicator runs a plan: at once, by a request, again and again;
- `blocks`: parsed buffers as blocks of contiguous bytes;
- `inter`: plans between two groups;
- `movements`: plans that move data (broadcast, gather, scatter, all-to-all);
- `reductions`: plans that combine data (reduce, scan, reduce-scatter);
- `quick`: short cuts for barriers, broadcasts and reductions of contiguous buffers within one group;
- `blocking`: the methods that return when this process has done its part;
- `nonblocking`: the methods that return a request at once;
- `persistent`: the methods that return a request to be started many times;
- `objects`: the methods for Python objects.
"""
