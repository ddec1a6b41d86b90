"""What a person holds: the command line, the prompt, and lines read from a file or a pipe.

- `arguments`: the command line, pure;
- `commands`, `completion`: the commands of the console;
- `show`, `tables`: events and lists as text, pure;
- `eventlog`, `logs`: the events as JSON lines, the package's log records;
- `outbox`: what waits to be shown, in bounded memory;
- `console`: the state of one console, whatever its front is;
- `lines`, `terminal`: the two fronts;
- `app`: a daemon with a console on it.
"""
