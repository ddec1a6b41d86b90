"""Hashes of objects that have none of their own: their addresses."""

from losses_play import play


class Thing:
    """Has an address only."""


kept: list[Thing] = []


def draw(_: int) -> int:
    """The hash of a new object that stays."""
    kept.append(Thing())
    return hash(kept[-1])


play(draw)
