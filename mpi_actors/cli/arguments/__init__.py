"""The command line, pure: which arguments each command takes, and what is wrong with them.

It loads nothing heavy, so that `--help` and usage errors are instant, and it carries out nothing.

- `values`: texts of a command line as values, and the parser that all commands use;
- `content`: the commands on content (`publish`, `get`, `list`, `pin`, `unpin`, `gc`);
- `run`: the command `run`;
- `chaos`: the command `chaos`;
- `parse`: the console and the other commands; it decides which command a line names.
"""
