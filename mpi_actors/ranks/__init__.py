"""The ranks hosted here.

- `host`: obeys coordinators and runs one `incarnation` a rank;
- `stdio`, `mpi`: how an incarnation converses with its program;
- `desk`: where it reports.
"""
