"""MPI in pure Python, for the ranks of a job: what a program sees as `mpi4py.MPI`.

It runs inside a rank's process, and so must load fast. It knows no daemon, no network and no event loop: of
the rest of the package it uses only protocols (`wire`), the log of sent messages (`replay`) and errors.
Importing this package imports nothing else; `mpi_actors.MPI` puts the parts together. From the bottom up:

- `errors`: error classes and codes, and `MPI.Exception`;
- `constants`: the integers of the interface;
- `rc`: options that a program sets before it imports MPI;
- `handle`: what all handle classes share;
- `engine`: messages and schedules between the ranks, over lanes;
- `errhandler`: error handlers;
- `attributes`: values that a program caches with objects, by key;
- `info`: info objects;
- `processor`: the name of the host;
- `datatypes`: datatypes and buffers, what messages consist of;
- `op`: reduction operations;
- `status`: what is known of a received message;
- `memory_of`: sizes and addresses, which users of mpi4py in C ask for;
- `pickles`: Python objects as messages;
- `refused`: methods that say that they are not implemented;
- `collectives`: collective operations as schedules;
- `group`: ordered sets of processes;
- `requests`: operations that are under way;
- `comm`: communicators;
- `environment`: beginning and end of MPI, versions, clocks;
- `repeating`: whether a rank still repeats what it did before its loss, for `mpi_actors.replaying`;
- `session`: sessions;
- `dynamic`, `io`, `rma`: dynamic processes, parallel files, one-sided communication: refused today;
- `boot`: what the process of a rank runs.
"""
