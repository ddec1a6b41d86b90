"""What datatype handles refer to: how the datatype was made, where its bytes are, which elements it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..constants import COMBINER_NAMED
from ..handle import Handle
from .layout import EMPTY, Layout

Parts = tuple[tuple[int, "Definition"], ...]
"""How many items of which datatypes, one after the other."""


def _elements(parts: Parts) -> tuple[int, Definition | None]:
    """Return how many basic elements the parts have, and the datatype of all of them if it is one."""
    if not parts:
        return 1, None
    if len(parts) == 1:
        ((count, part),) = parts
        return count * part.elements, part.basic if count else None
    total = sum(count * part.elements for count, part in parts)
    kinds = {id(part.basic): part.basic for count, part in parts if count}
    return total, next(iter(kinds.values())) if len(kinds) == 1 else None


class Definition:
    """One datatype.

    combiner: the constructor that made it; params: the constructor's arguments, by name; old: those of the
        arguments that are datatypes.
    parts: how many items of which datatypes, in the order of the standard's type map; empty for basic types.
    elements: how many basic elements one item has; basic: the predefined datatype that all of them are of (a
        pair for pairs), if there is one.
    char, typestr, code: names in struct, array and numpy, if it has them.
    predefined: programs cannot free it; constant: the handle that is a constant of the module MPI.
    ready: committed; dense: `count` items are one run of `count * size` bytes that begins with the first
    item. holders: how many handles must be freed until the datatype is; attributes: values that the program
    set.
    """

    __slots__ = (
        "attributes",
        "basic",
        "char",
        "code",
        "combiner",
        "constant",
        "dense",
        "elements",
        "extent",
        "holders",
        "layout",
        "name",
        "old",
        "params",
        "parts",
        "predefined",
        "ready",
        "size",
        "typestr",
    )

    def __init__(
        self,
        layout: Layout,
        combiner: int = COMBINER_NAMED,
        params: dict[str, Any] | None = None,
        old: Sequence[Definition] = (),
        parts: Parts = (),
        *,
        name: str = "",
        predefined: bool = False,
    ) -> None:
        self.layout = layout
        self.size = layout.size
        self.extent = layout.extent
        self.dense = layout is EMPTY or (layout.start == 0 and layout.size == layout.extent)
        self.combiner = combiner
        self.params = params or {}
        self.old = tuple(old)
        self.parts = parts
        self.elements, self.basic = _elements(parts)
        self.char: str | None = None
        self.typestr: str | None = None
        self.code: str | None = None
        self.name = name
        self.predefined = self.ready = predefined
        self.constant: Handle | None = None
        self.holders = 1
        self.attributes: dict[int, Any] = {}
