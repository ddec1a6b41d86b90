"""MPI in pure Python, for the ranks of a job: what a program sees as `mpi4py.MPI`.

Lowest first: `constants` and `exception`; `engine` (lanes, matching, progress); `datatypes`; `op`;
`collectives` (schedules); handles that communicators hand out (`group`, `info`, `status`, `request` …);
`comm`; `environment`. `mpi_actors.MPI` puts the parts together. Nothing is imported here.
"""
