"""The real network: py-libp2p over TCP, noise and yamux, with every work-around that the library needs.

Nothing outside this package but `daemon.real` and tools names libp2p. From the bottom up:

- `unused`: imports libp2p without the parts that nobody here uses;
- `costs`: work-arounds for what the library does too often;
- `quirks`: work-arounds for what the library does wrong;
- `identity`: the key pair of a peer, in a file;
- `stream`: a libp2p stream as a `ByteStream`;
- `dial`: connects to a peer at one address;
- `transport`: a libp2p host as a `Transport`.
"""
