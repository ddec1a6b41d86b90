"""Content in an IPFS daemon (Kubo), by way of its RPC API.

Nothing here knows our own store of blocks or our network: the IPFS daemon finds content by itself. The
modules, from the bottom up:

- `errors`: names for what goes wrong between us and an IPFS daemon;
- `identity`: who answers, and whether its version can be used;
- `rpc`: calls in worker threads, with an end to every wait;
- `upload`: sends many blocks in one call;
- `pins`: pins with owners;
- `forget`: removes the blocks of one tree that nobody else needs;
- `ahead`: fetches blocks of a tree before they are asked for;
- `backend`: the content backend itself.
"""
