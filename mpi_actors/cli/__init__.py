"""What people hold: the commands, the console, and what these print. Nothing else may import this package.

- `exit_codes`: the exit codes of all commands;
- `signals`: the signals that end a command in order;
- `text`: values as people read and write them, pure;
- `arguments`: the command line, pure;
- `output`: where text goes: streams, the screen, the file of events;
- `console`: a daemon with a prompt, or with lines from a pipe;
- `content`: commands on content and on a peer's interpreters;
- `run`: the command `run`, which makes a pool for one program;
- `chaos`: the command `chaos`, which runs a program while processes and peers are lost;
- `demo`: the command `demo`, which kills a peer in the middle of a job;
- `main`: the command `mpi-actors`: which of them the command line names.
"""
