"""Blocks from peer to peer, by IPFS's protocol bitswap over any transport.

Nothing here knows what blocks are for, nor which peers have them: the caller names the peers to ask. The
modules, from the bottom up:

- `wantlist`: what one peer wants of us, and our answers;
- `asking`: what our tasks want of one peer, and which of them waits for what;
- `conversation`: the streams between us and one peer;
- `exchange`: all these conversations;
- `fetch`: gets a whole tree, from one peer after the other.
"""
