"""Collective operations on pickled objects: payloads in boxes, whose size only the sender knows.

So the choice of an algorithm depends on the number of ranks alone. `framing` puts payloads that travel
together into one message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..engine.schedule import Box, Data, Schedule
from .bcast import bcast_binomial
from .framing import framed, unframed
from .trees import children, parent, subtree

GATHER_FEW = 16
"""Up to this many ranks all payloads go straight to or from the root: a tree would frame and copy them."""
ALLGATHER_FEW = 8
"""Up to this many ranks each sends to each: fewer rounds would have to frame and copy payloads."""
ALLTOALL_AT_ONCE = 32
"""Up to this many ranks all messages leave at once: among more, one rank would get too many at a time."""


def bcast_object(s: Schedule, rank: int, size: int, box: Box, root: int) -> None:
    """Bring the payload in the root's box into all boxes, down a binomial tree."""
    bcast_binomial(s, rank, size, box, root)


def gather_objects(
    s: Schedule, rank: int, size: int, mine: Box, boxes: Sequence[Box] | None, root: int
) -> None:
    """Bring a payload of each rank into the root's boxes."""
    if size <= GATHER_FEW:
        gather_objects_linear(s, rank, size, mine, boxes, root)
    else:
        gather_objects_binomial(s, rank, size, mine, boxes, root)


def scatter_objects(
    s: Schedule, rank: int, size: int, boxes: Sequence[Box] | None, mine: Box, root: int
) -> None:
    """Bring a payload from the root's boxes to each rank."""
    if size <= GATHER_FEW:
        scatter_objects_linear(s, rank, size, boxes, mine, root)
    else:
        scatter_objects_binomial(s, rank, size, boxes, mine, root)


def allgather_objects(s: Schedule, rank: int, size: int, boxes: Sequence[Box]) -> None:
    """Bring a payload of each rank into the boxes of all; each rank's own is in its box already."""
    if size <= ALLGATHER_FEW:
        allgather_objects_linear(s, rank, size, boxes)
    else:
        allgather_objects_bruck(s, rank, size, boxes)


def alltoall_objects(s: Schedule, rank: int, size: int, out: Sequence[Box], into: Sequence[Box]) -> None:
    """Bring a payload from each rank to each rank: all at once, or, among many, as a pairwise exchange."""
    set_value(s, into[rank], lambda: out[rank].value)
    for distance in range(1, size):
        s.recv((rank - distance) % size, into[(rank - distance) % size])
        s.send((rank + distance) % size, out[(rank + distance) % size])
        if size > ALLTOALL_AT_ONCE:
            s.fence()
    s.fence()


def gather_objects_linear(
    s: Schedule, rank: int, size: int, mine: Box, boxes: Sequence[Box] | None, root: int
) -> None:
    """Each rank sends to the root."""
    if rank != root:
        s.send(root, mine)
    else:
        assert boxes is not None
        for source, box in enumerate(boxes):
            if source != root:
                s.recv(source, box)
        set_value(s, boxes[root], lambda: mine.value)
    s.fence()


def gather_objects_binomial(
    s: Schedule, rank: int, size: int, mine: Box, boxes: Sequence[Box] | None, root: int
) -> None:
    """Up a binomial tree, the payloads of a subtree in one message."""
    place = (rank - root) % size
    came = [Box() for _ in children(place, size)]
    for child, box in zip(children(place, size), came, strict=True):
        s.recv((child + root) % size, box)
    s.fence()

    def held() -> list[Data]:
        return [mine.value, *(payload for box in came for payload in unframed(box.value))]

    if place:
        out = Box()
        set_value(s, out, lambda: framed(held()))
        s.send((parent(place) + root) % size, out)
    else:
        assert boxes is not None
        s.compute(lambda: set_values([boxes[(root + place) % size] for place in range(size)], held()))
    s.fence()


def scatter_objects_linear(
    s: Schedule, rank: int, size: int, boxes: Sequence[Box] | None, mine: Box, root: int
) -> None:
    """The root sends to each rank."""
    if rank != root:
        s.recv(root, mine)
    else:
        assert boxes is not None
        for dest, box in enumerate(boxes):
            if dest != root:
                s.send(dest, box)
        set_value(s, mine, lambda: boxes[root].value)
    s.fence()


def scatter_objects_binomial(
    s: Schedule, rank: int, size: int, boxes: Sequence[Box] | None, mine: Box, root: int
) -> None:
    """Down a binomial tree, the payloads of a subtree in one message."""
    place = (rank - root) % size
    held = [Box() for _ in range(subtree(place, size))]
    if place == 0:
        assert boxes is not None
        held = [boxes[(root + place) % size] for place in range(size)]
    else:
        came = Box()
        s.recv((parent(place) + root) % size, came)
        s.fence()
        s.compute(lambda: set_values(held, unframed(came.value)))
    for child in reversed(children(place, size)):
        out = Box()
        below = held[child - place : child - place + subtree(child, size)]
        set_value(s, out, partial(_framed_values, below))
        s.send((child + root) % size, out)
    set_value(s, mine, lambda: held[0].value)
    s.fence()


def allgather_objects_linear(s: Schedule, rank: int, size: int, boxes: Sequence[Box]) -> None:
    """Each rank sends to each rank."""
    for distance in range(1, size):
        source = (rank - distance) % size
        s.recv(source, boxes[source])
    for distance in range(1, size):
        s.send((rank + distance) % size, boxes[rank])
    s.fence()


def allgather_objects_bruck(s: Schedule, rank: int, size: int, boxes: Sequence[Box]) -> None:
    """In round k each rank sends all it has to the rank 2^k below (see allgather_bruck)."""
    order = [boxes[(rank + i) % size] for i in range(size)]
    have = 1
    while have < size:
        more = min(have, size - have)
        out, came = Box(), Box()
        set_value(s, out, partial(_framed_values, order[:more]))
        s.send((rank - have) % size, out)
        s.recv((rank + have) % size, came)
        s.fence()
        s.compute(partial(_unframe_into, order[have : have + more], came))
        have += more


def set_value(s: Schedule, box: Box, value: Callable[[], Data]) -> None:
    """Add a step that puts what `value` returns into a box."""

    def fill() -> None:
        box.value = value()

    s.compute(fill)


def set_values(boxes: Sequence[Box], payloads: Sequence[Data]) -> None:
    """Put payloads into boxes.

    Raises:
        ValueError: there are not as many payloads as boxes.
    """
    for box, payload in zip(boxes, payloads, strict=True):
        box.value = payload


def _framed_values(boxes: Sequence[Box]) -> Data:
    return framed(box.value for box in boxes)


def _unframe_into(boxes: Sequence[Box], came: Box) -> None:
    set_values(boxes, unframed(came.value))
