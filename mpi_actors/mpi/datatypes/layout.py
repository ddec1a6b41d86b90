"""Where the bytes of a datatype are: a compiled form of the standard's type map.

A layout has the bytes of one item, in the order of packing, as runs of contiguous bytes and loops over
runs. So a column of a large matrix is one loop and not thousands of runs. Bounds follow the standard (MPI
4.1, sections 5.1.6 to 5.1.8). All sizes, displacements and bounds are in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class ByteRun(NamedTuple):
    """Contiguous bytes at a displacement from the beginning of an item."""

    disp: int
    nbytes: int


class Loop(NamedTuple):
    """Rounds over a body; round k is `disp + k * stride` bytes from the beginning of an item."""

    disp: int
    rounds: int
    stride: int
    nbytes: int  # of one round, when packed
    body: tuple[ByteRun | Loop, ...]


Node = ByteRun | Loop
Body = tuple[Node, ...]


class Layout:
    """The bytes of one item of a datatype, and its bounds.

    `runs` counts the runs in all rounds of loops, `leaves` the runs in the body, `depth` how deep loops nest.
    `start` is the displacement of the bytes if they are one run, else None. `align` is the greatest
    alignment of the basic types. `lb_set` and `ub_set`: a resize has set the bound, which counts more than
    where bytes are.
    """

    __slots__ = (
        "align",
        "body",
        "depth",
        "lb",
        "lb_set",
        "leaves",
        "runs",
        "size",
        "start",
        "true_lb",
        "true_ub",
        "ub",
        "ub_set",
    )

    def __init__(
        self,
        body: Body,
        size: int,
        bounds: tuple[int, int],
        true_bounds: tuple[int, int],
        align: int,
        lb_set: bool = False,
        ub_set: bool = False,
    ) -> None:
        self.body = body
        self.size = size
        self.lb, self.ub = bounds
        self.true_lb, self.true_ub = true_bounds
        self.align = align
        self.lb_set = lb_set
        self.ub_set = ub_set
        self.runs, self.leaves, self.depth = _measure(body)
        self.start = body[0].disp if len(body) == 1 and type(body[0]) is ByteRun else None

    @property
    def extent(self) -> int:
        """From the lower to the upper bound: how far apart consecutive items are. It may be negative."""
        return self.ub - self.lb


def _measure(body: Body) -> tuple[int, int, int]:
    runs = leaves = depth = 0
    for node in body:
        if isinstance(node, Loop):
            inner, parts, deep = _measure(node.body)
            runs += node.rounds * inner
            leaves += parts
            depth = max(depth, deep + 1)
        else:
            runs += 1
            leaves += 1
    return runs, leaves, depth


EMPTY = Layout((), 0, (0, 0), (0, 0), 1)
"""The layout of no items: it adds neither bytes nor bounds to a layout that it is part of."""


def basic(size: int, align: int) -> Layout:
    """Return the layout of a basic type."""
    return Layout((ByteRun(0, size),), size, (0, size), (0, size), align)


def shifted(body: Body, by: int) -> Body:
    """Return a body that begins `by` bytes further."""
    if by == 0:
        return body
    moved: list[Node] = []
    for node in body:
        if isinstance(node, Loop):
            moved.append(Loop(node.disp + by, *node[1:]))
        else:
            moved.append(ByteRun(node.disp + by, node.nbytes))
    return tuple(moved)


def looped(body: Body, count: int, stride: int, nbytes: int) -> Body:
    """Return `count` copies of a body of `nbytes` packed bytes, `stride` apart, in the simplest form."""
    if count == 1 or not body:
        return body
    if len(body) == 1:
        only = body[0]
        if isinstance(only, Loop):
            if only.rounds * only.stride == stride:
                return (only._replace(rounds=count * only.rounds),)
        elif only.nbytes == stride:
            return (ByteRun(only.disp, count * stride),)
    return (Loop(0, count, stride, nbytes, body),)


def joined(bodies: Iterable[Body]) -> Body:
    """Return one body after another; runs that touch become one."""
    nodes: list[Node] = []
    for body in bodies:
        for node in body:
            if nodes and type(node) is ByteRun:
                last = nodes[-1]
                if type(last) is ByteRun and last.disp + last.nbytes == node.disp:
                    nodes[-1] = ByteRun(last.disp, last.nbytes + node.nbytes)
                    continue
            nodes.append(node)
    return tuple(nodes)


def repeated(layout: Layout, count: int, stride: int | None = None) -> Layout:
    """Return the layout of `count` items, `stride` apart (by default the extent)."""
    if count == 0 or layout is EMPTY:
        return EMPTY
    if stride is None:
        stride = layout.ub - layout.lb
    last = (count - 1) * stride
    low, high = min(last, 0), max(last, 0)
    return Layout(
        looped(layout.body, count, stride, layout.size),
        count * layout.size,
        (layout.lb + low, layout.ub + high),
        (layout.true_lb + low, layout.true_ub + high),
        layout.align,
        layout.lb_set,
        layout.ub_set,
    )


def assembled(parts: Sequence[tuple[int, Layout]], *, padded: bool = False) -> Layout:
    """Return the layout of layouts at displacements.

    `padded`: the extent becomes a multiple of the alignment, as that of a C struct is.
    """
    present = [(disp, layout) for disp, layout in parts if layout is not EMPTY]
    if not present:
        return EMPTY
    lb_set = any(layout.lb_set for _, layout in present)
    ub_set = any(layout.ub_set for _, layout in present)
    lb = min(disp + layout.lb for disp, layout in present if layout.lb_set or not lb_set)
    ub = max(disp + layout.ub for disp, layout in present if layout.ub_set or not ub_set)
    align = max(layout.align for _, layout in present)
    if padded and not ub_set:
        ub += -(ub - lb) % align
    solid = [(disp, layout) for disp, layout in present if layout.size] or present
    return Layout(
        joined(shifted(layout.body, disp) for disp, layout in present),
        sum(layout.size for _, layout in present),
        (lb, ub),
        (
            min(disp + layout.true_lb for disp, layout in solid),
            max(disp + layout.true_ub for disp, layout in solid),
        ),
        align,
        lb_set,
        ub_set,
    )


def resized(layout: Layout, lb: int, extent: int) -> Layout:
    """Return a layout of the same bytes with other bounds."""
    return Layout(
        layout.body,
        layout.size,
        (lb, lb + extent),
        (layout.true_lb, layout.true_ub),
        layout.align,
        True,
        True,
    )
