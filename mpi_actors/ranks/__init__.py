"""The ranks hosted here. This package knows jobs and their coordinators only by messages: it may not import
`jobs` or `peers`.

Bottom up:

- `desk`: where an incarnation reports to its job's coordinator;
- `stdio`: the conversation with a program that speaks lines;
- `mpi`: the conversation with a program that speaks MPI;
- `incarnation`: one attempt at a rank: starts its program, serves it, reports its end;
- `host`: obeys coordinators, and runs one incarnation for each rank placed here.
"""
