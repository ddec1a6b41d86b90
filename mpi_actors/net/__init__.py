"""Networks: connections to peers by address, streams of bytes over them, and links made of two streams.

The package knows neither jobs nor ranks; only `link` and `pairing` know the project's own protocol. From the
bottom up:

- `transport`: what a network must offer; everything above uses only that;
- `addresses`: the multiaddrs that people and peers write;
- `detector`: decides when a silent peer is dead, without a clock;
- `pairing`: joins a control stream and a data stream of one peer to a pair;
- `link`: sends and receives messages and frames over such a pair;
- `breakable`: a transport that puts what a test wants in the way of another's bytes;
- `memory`: a transport in one process, under a test's clock;
- `libp2p`: the transport over libp2p;
- `mdns`: finds peers on the local network.
"""
