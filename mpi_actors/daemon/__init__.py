"""A whole peer. `tree` builds the actors on any network and any programs; `real` is the one place that names
libp2p, processes and IPFS.

- `lockfile`: one daemon a directory;
- `scripts`: scripts that were offered to this peer;
- `providers`: peers that have content;
- `tree`, `introducer`, `real`: a peer on any parts; how peers meet; a peer on real parts.
"""
