"""The curves that libp2p names."""

from __future__ import annotations


class Curve:
    """A curve, of which nothing but the name is known."""

    def __init__(self, name: str) -> None:
        self.name = name


P256 = Curve("P256")
