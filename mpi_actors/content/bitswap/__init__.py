"""Blocks from peer to peer: who wants what, serving it, asking for it, and whole trees."""
