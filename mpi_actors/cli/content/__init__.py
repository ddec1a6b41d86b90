"""Commands on content in IPFS and on a peer's interpreters that run once and end: `publish`, `get` and so on.

- `content`: what they need of a peer's directory;
- `acts`: what they do to content, also at the console;
- `actions`: each command, from its arguments to what it prints;
- `command`: its whole life: signals, what is shown, the exit code.
"""
