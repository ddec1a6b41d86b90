"""Binomial trees over the places 0 to size - 1, with place 0 as the root.

The subtree of a place is that place and those that follow it, so that what it holds is contiguous, and a
reduction up the tree keeps the order of the places.
"""

from __future__ import annotations


def parent(place: int) -> int:
    """The place above; not for 0."""
    return place & (place - 1)


def children(place: int, size: int) -> list[int]:
    """The places directly below, the nearest (with the smallest subtree) first."""
    below = []
    bit = 1
    while not place & bit and place + bit < size:
        below.append(place + bit)
        bit <<= 1
    return below


def subtree(place: int, size: int) -> int:
    """How many places are in the subtree of a place, with itself."""
    return size if place == 0 else min(place & -place, size - place)
