"""Peers that find each other on one LAN, by multicast DNS."""
