"""What a person holds: the command line, the prompt, and lines read from a file or a pipe.

- `arguments`, `arguments_content`, `values`: the command line, pure;
- `registry`, `commands`, `commands_content`, `completion`: the commands of the console;
- `show`, `tables`, `listings`, `progress`: events and lists as text, pure;
- `screen`: what a command that runs once shows, with a bar for how far it is;
- `directories`: where a peer keeps what is its own;
- `eventlog`, `logs`: the events as JSON lines, the package's log records;
- `outbox`: what waits to be shown, in bounded memory;
- `console`: the state of one console, whatever its front is;
- `lines`, `terminal`: the two fronts;
- `app`: a daemon with a console on it.
"""
