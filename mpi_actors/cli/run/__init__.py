"""The command `run`: one program on a pool that lives as long as the program. It sees pools on this machine.

- `input`: standard input for rank 0;
- `output`: what `run` shows of a job;
- `launch`: makes the pool, runs the program, and returns the exit code.
"""
