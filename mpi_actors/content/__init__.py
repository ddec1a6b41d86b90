"""Everything about content-addressed data: files and directories whose names are hashes of what is in them.

Nothing here knows jobs, ranks or daemons. The parts, from the bottom up:

- `formats`: identifiers, blocks, trees and the messages of bitswap, as pure functions of bytes;
- `store`: blocks and trees on disk, and the interface that every place for content has;
- `bitswap`: blocks from other peers and for them;
- `kubo`: content in an IPFS daemon;
- `access`: chooses between our own store and an IPFS daemon;
- `fetcher`: chooses the peers to ask, and waits for them at the start.

`bitswap` and `kubo` do not know each other.
"""
