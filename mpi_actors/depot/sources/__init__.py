"""Where interpreters come from: a directory on this machine, or a directory in IPFS.

Nothing here knows what is installed. The modules, from the bottom up:

- `source`: the interface of every store of interpreters, and the names that interpreters may have;
- `directory`: a store in a directory;
- `spine`: which interpreters a directory in IPFS has;
- `ipfs`: a store in IPFS;
- `publish`: publishes a directory as a store in IPFS.
"""
