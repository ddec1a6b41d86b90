"""The network on py-libp2p, and every work-around that it needs."""
