"""What a rank runs, as the actors see it: a program that was started, talks, and ends.

- `program`: what every kind of program can do;
- `functions`: async functions, for tests in virtual time;
- `manifest`, `script`, `command`: what an interpreter or a script says of itself, and its command line;
- `lines`, `channel`, `spool`: what comes and goes through descriptors;
- `stdio`, `mpi`: programs that speak lines, and those that speak MPI;
- `processes`: programs as operating-system processes.
"""
