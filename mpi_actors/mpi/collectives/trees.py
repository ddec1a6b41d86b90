"""Binomial trees over the places 0 to size - 1, with place 0 as the root.

The subtree of a place is that place and the places that follow it. So its blocks are contiguous, and a
reduction up the tree keeps the order of the places.
"""

from __future__ import annotations


def parent(place: int) -> int:
    """Return the place above a place; 0 has none."""
    return place & (place - 1)


def children(place: int, size: int) -> list[int]:
    """Return the places directly below a place, the one with the smallest subtree first."""
    below = []
    bit = 1
    while not place & bit and place + bit < size:
        below.append(place + bit)
        bit <<= 1
    return below


def subtree(place: int, size: int) -> int:
    """Return how many places the subtree of a place has, itself included."""
    return size if place == 0 else min(place & -place, size - place)
