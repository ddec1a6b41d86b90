"""Everything about content-addressed data, from the bottom up.

- `formats`: identifiers, blocks, trees and bitswap's messages, pure;
- `store`: blocks and trees on disk;
- `bitswap`: blocks from peers and for them;
- `kubo`: content in an IPFS daemon;
- `access`: which of them a peer uses;
- `fetcher`: whom to ask.
"""
