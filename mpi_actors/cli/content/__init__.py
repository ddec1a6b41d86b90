"""Commands on content in IPFS and on a peer's interpreters that run once and end: `publish`, `get` and so on.

They open a peer's directory, whether or not its daemon runs; they know no daemon and no job.

- `content`: the content and the interpreters of one peer;
- `opened`: opens them in a peer's directory, and connects to peers that have content;
- `acts`: what people do to content, also at the console;
- `actions`: each command, from its arguments to what it prints;
- `command`: the whole life of such a command: signals, output, exit code.
"""
