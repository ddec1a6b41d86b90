"""Blocks and trees on disk: our own store of content, and the interface that every store of content has.

Nothing here knows the network. Functions that are not `async` block, and belong in worker threads. The
modules, from the bottom up:

- `disk`: how files are opened, and how a full disk is recognised;
- `sqlite`: a small database that threads and processes share;
- `database`: what a peer remembers between runs: interpreters and pins;
- `block_files`: files that are named after their SHA-256;
- `backend`: the interface of all places for content, and the words that it uses;
- `progress`: reports on a transfer, not too often;
- `threads`: what work in worker threads needs of the tasks around it;
- `tree`: scans, digests, copies and measures directory trees;
- `publish`: makes blocks of a directory;
- `export`: makes files of blocks;
- `marking`: which blocks belong to a tree, and which of them are missing;
- `blocks`: the store of blocks, with its locks and its garbage collection;
- `embedded`: the backend that keeps its content in that store.
"""
