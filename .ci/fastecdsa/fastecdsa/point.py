"""Points of curves."""

from __future__ import annotations

from .absent import absent


class Point:
    """A point: there is none."""

    def __init__(self, *_coordinates: object) -> None:
        absent("point.Point")
