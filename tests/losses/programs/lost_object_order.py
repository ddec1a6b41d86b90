"""The order of a set of objects, and of a dict that is sorted by address."""

from losses_play import play


class Thing:
    """Has an address only."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.room = bytearray(number % 7 * 100)


kept: list[list[Thing]] = []


def draw(_: int) -> list[int]:
    """The order of some objects."""
    kept.append([Thing(number) for number in range(10)])
    by_address = sorted({id(thing): thing for thing in kept[-1]}.items())
    return [thing.number for thing in set(kept[-1])] + [thing.number for _, thing in by_address]


play(draw)
