"""The console of a daemon: its commands, and the two ways to work it. It sees a whole daemon, and no pool.

- `registry`: the console's commands by name, from which help and completion derive;
- `completion`: what a half-typed line could become, pure;
- `console`: the state of one console: it executes lines, and says what happens;
- `commands_content`: the commands on interpreters and content;
- `commands`: the commands on jobs, peers and the console itself;
- `front`: what works a console: an interface, and lines from a file or a pipe;
- `terminal`: a person at a terminal, with a prompt;
- `app`: a daemon with a console on it, from its start to its exit code.
"""
