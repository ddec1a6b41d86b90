"""What a person holds: the commands, the console, and what they print.

- `arguments`: the command line, pure;
- `text`: events, lists and trees as text, pure;
- `output`: where text goes: streams, the screen, files of events;
- `console`: the prompt, or lines from a pipe;
- `content`: commands on content and on a peer's interpreters;
- `run`, `demo`: a whole pool for one program; what it looks like when a peer is killed;
- `main`: which of them the command line names.
"""
