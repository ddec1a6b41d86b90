"""Peers that find each other on a local network by multicast DNS.

The package knows addresses, not connections. From the bottom up:

- `record`: what a peer announces, and which records of others are believed;
- `sightings`: passes what one thread hears to another;
- `interfaces`: the network interfaces on which mDNS is spoken;
- `discovery`: the actor that announces this peer and listens for others.
"""
