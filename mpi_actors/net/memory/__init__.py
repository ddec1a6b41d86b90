"""A network in one process: latency, cuts, partitions and deaths, under a test's clock.

It keeps the contract of `net.transport` and knows no other transport. The parts, from the bottom up:

- `arrivals`: when which bytes arrive, as arithmetic without tasks or a clock;
- `stream`: streams between peers, and one life of a peer;
- `transport`: the network as one peer sees it;
- `network`: the network that all peers share, and its faults.
"""
