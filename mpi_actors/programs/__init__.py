"""What a rank runs, as its host sees it: a program that was started, converses, and ends.

A program may not know which peer or coordinator wants it to run. From the bottom up:

- `spool`: standard input for a program that may be started again;
- `manifest`: what an interpreter's directory says of itself;
- `lines`: what a process writes to a pipe, as whole lines;
- `channel`: the daemon's end of the channel to a rank that speaks MPI;
- `program`: what a host needs of any program, and of whatever starts programs;
- `functions`: async functions as programs, for pools in one process under a test's clock;
- `stdio`: a process that speaks lines over standard input and output;
- `mpi`: a process that speaks MPI;
- `arithmetic`: what makes numerical libraries compute the same on each host of a job;
- `command`: command line, environment and limits of the process for each sort of program;
- `processes`: starts interpreters and scripts as operating-system processes.
"""
