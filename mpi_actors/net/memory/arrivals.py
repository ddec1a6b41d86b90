"""The arithmetic of the in-memory network: when do which bytes arrive? No tasks, no clock, no waiting.

A `MemoryPath` is one direction between two peers, a `Pipe` one direction of one stream. Every piece of data
gets its due time when it is sent; a blocked path gives "never", and what it holds gets new times when it
opens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from random import Random


class MemoryPath:
    """One direction between two peers: how long bytes take, and whether they pass at all."""

    def __init__(self, latency: Callable[[], float], bandwidth: float | None, name: str) -> None:
        self.name = name
        self.blocked = False
        self.delay = 0.0
        """Seconds on top of the latency."""
        self._latency = latency
        self._bandwidth = bandwidth
        self._busy_until = -inf
        self._pipes: dict[Pipe, None] = {}
        self._opened = 0

    def stamp(self, size: int, now: float) -> float:
        """When `size` bytes that are sent `now` will have arrived; infinity while the link is blocked."""
        if self.blocked:
            return inf
        leaves = now
        if self._bandwidth is not None and size:
            leaves = self._busy_until = max(now, self._busy_until) + size / self._bandwidth
        return leaves + self._latency() + self.delay

    def block(self, now: float) -> None:
        """From now on nothing arrives; what has arrived already can still be received."""
        if self.blocked:
            return
        self.blocked = True
        for pipe in self._pipes:
            pipe.hold(now)

    def unblock(self, now: float) -> None:
        """Let bytes pass again, and send what was held on its way."""
        if not self.blocked:
            return
        self.blocked = False
        self._busy_until = now
        for pipe in self._pipes:
            pipe.release(now)

    def open_pipe(self, wake: Callable[[], None], capacity: int, short_reads: float, seed: int) -> Pipe:
        """A new pipe over this link; see `Pipe`."""
        self._opened += 1
        # Seeded by its own name: what one stream draws does not depend on the order in which others do.
        pipe = Pipe(self, capacity, wake, short_reads, f"{seed}/{self.name}/{self._opened}")
        self._pipes[pipe] = None
        return pipe

    def forget(self, pipe: Pipe) -> None:
        """Stop keeping times for `pipe`, which nobody reads any more."""
        self._pipes.pop(pipe, None)


class Pipe:
    """One direction of a stream: pieces with due times, and perhaps an end.

    `wake` is called whenever the receiver's next due time may have become earlier or later. At most
    `capacity` bytes are on the way or unread. With probability `short_reads` a read ends at a random place.
    """

    def __init__(
        self, link: MemoryPath, capacity: int, wake: Callable[[], None], short_reads: float, seed: str
    ) -> None:
        self._link = link
        self._capacity = capacity
        self._wake = wake
        self._short_reads = short_reads
        self._seed = seed
        self._rng: Random | None = None
        self._pieces: deque[tuple[float, bytes | memoryview]] = deque()
        self._size = 0
        self._end: float | None = None
        self._unread = False

    @property
    def tight(self) -> bool:
        """Whether a sender may be waiting for room."""
        return self._size > self._capacity // 2

    def room_for(self, size: int) -> int:
        """How many of `size` bytes may be pushed now.

        None, if there is room for only a few of them: else a slow reader makes pieces ever smaller.
        """
        room = self._capacity - self._size
        return min(size, room) if room >= min(size, (self._capacity + 1) // 2) else 0

    @property
    def next_due(self) -> float:
        """When the next piece, or the end, arrives; infinity if nothing is on its way."""
        if self._pieces:
            return self._pieces[0][0]
        return self.end_due

    @property
    def end_due(self) -> float:
        """When the end of the stream arrives, whatever data is before it; infinity if not on its way."""
        return inf if self._end is None else self._end

    def push(self, data: bytes, now: float) -> None:
        """Send `data`, of at least one byte and as many as `room_for` allows."""
        # Bytes that nobody will read still fill the buffer: the sender must not learn of it too early.
        self._size += len(data)
        if self._unread:
            return
        first = not self._pieces
        self._pieces.append((self._after_last(self._link.stamp(len(data), now)), data))
        if first:
            self._wake()

    def finish(self, now: float) -> None:
        """Let the stream end after what was pushed. Idempotent."""
        if self._end is None:
            self._end = self._after_last(self._link.stamp(0, now))
            self._wake()

    def take(self, limit: int, now: float) -> bytes | None:
        """Up to `limit` bytes of what has arrived; `b""` at the end; `None` while there is nothing."""
        if self.next_due > now:
            return None
        if not self._pieces:
            return b""
        if self._short_reads and self._random().random() < self._short_reads:
            limit = self._random().randint(1, min(limit, len(self._pieces[0][1])))
        taken: list[bytes | memoryview] = []
        left = limit
        while left and self._pieces and self._pieces[0][0] <= now:
            due, data = self._pieces[0]
            if len(data) <= left:
                self._pieces.popleft()
            else:
                view = memoryview(data)
                data = view[:left]
                self._pieces[0] = (due, view[left:])
            taken.append(data)
            left -= len(data)
        self._size -= limit - left
        return bytes(taken[0]) if len(taken) == 1 else b"".join(taken)

    def abort(self, now: float) -> None:
        """Let the stream end as a killed sender's does: what is on its way is cut off at a random byte."""
        flying = [piece for piece in self._pieces if piece[0] > now]
        for _ in flying:
            self._pieces.pop()
        total = sum(len(data) for _, data in flying)
        keep = self._random().randint(0, total) if total else 0
        self._size -= total - keep
        for due, data in flying:
            if keep:
                self._pieces.append((due, memoryview(data)[:keep]))
                keep -= min(keep, len(data))
        self.finish(now)

    def discard(self) -> None:
        """Nobody will read: drop what is here and whatever comes."""
        self._unread = True
        self._pieces.clear()
        self._link.forget(self)

    def hold(self, now: float) -> None:
        """Whatever has not arrived yet will not arrive before `release`."""
        self._pieces = deque((due if due <= now else inf, data) for due, data in self._pieces)
        if self._end is not None and self._end > now:
            self._end = inf
        self._wake()

    def release(self, now: float) -> None:
        """Send what was held on its way again, as if it left `now`."""
        held, self._pieces = self._pieces, deque()
        end, self._end = self._end, None
        for due, data in held:
            if due == inf:
                due = self._after_last(self._link.stamp(len(data), now))
            self._pieces.append((due, data))
        if end is not None:
            self._end = self._after_last(self._link.stamp(0, now)) if end == inf else end
        self._wake()

    def _after_last(self, due: float) -> float:
        """Nothing overtakes what was sent before it, however the latency varies."""
        return max(due, self._pieces[-1][0]) if self._pieces else due

    def _random(self) -> Random:
        if self._rng is None:
            self._rng = Random(self._seed)
        return self._rng
