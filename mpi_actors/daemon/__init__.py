"""A whole peer. `tree` builds the actors on any network and any programs; `real` is the one place that names
libp2p, processes and IPFS. This text imports nothing, so that a launcher can start fast.

Bottom up:

- `lockfile`: one daemon for each directory;
- `scripts`: scripts that a launcher has the daemon offer, and what rank 0 reads;
- `tree`: the actors of a peer, on any parts;
- `providers`: whom to ask for content;
- `introducer`: connects an IPFS daemon to the peers of the pool;
- `real`: a peer on real parts.
"""
