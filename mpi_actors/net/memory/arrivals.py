"""When which bytes arrive on the in-memory network: arithmetic without tasks, a clock or waiting.

A `MemoryPath` is one direction between two peers, a `Pipe` one direction of one stream. A piece of data gets
the time of its arrival when it is sent. On a blocked path that time is infinity; when the path opens, the
pieces that it held get new times. All times are in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from random import Random


class MemoryPath:
    """One direction between two peers: how long bytes take, and whether they pass at all.

    Args:
        latency: gives the seconds that one piece takes.
        bandwidth: bytes per second; None for no limit.
        name: tells this path from others; seeds the random choices of its pipes.
    """

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
        """Return when `size` bytes that leave `now` will have arrived; infinity while the path is blocked."""
        if self.blocked:
            return inf
        leaves = now
        if self._bandwidth is not None and size:
            leaves = self._busy_until = max(now, self._busy_until) + size / self._bandwidth
        return leaves + self._latency() + self.delay

    def block(self, now: float) -> None:
        """Let nothing arrive from now on. What has arrived already can still be received."""
        if self.blocked:
            return
        self.blocked = True
        for pipe in self._pipes:
            pipe.hold(now)

    def unblock(self, now: float) -> None:
        """Let bytes pass again. What the path held leaves `now`."""
        if not self.blocked:
            return
        self.blocked = False
        self._busy_until = now
        for pipe in self._pipes:
            pipe.release(now)

    def open_pipe(self, wake: Callable[[], None], capacity: int, short_reads: float, seed: int) -> Pipe:
        """Make a new pipe over this path; see `Pipe` for the arguments."""
        self._opened += 1
        # Each pipe has a seed of its own: what it draws does not depend on what other pipes draw before it.
        pipe = Pipe(self, capacity, wake, short_reads, f"{seed}/{self.name}/{self._opened}")
        self._pipes[pipe] = None
        return pipe

    def forget(self, pipe: Pipe) -> None:
        """Stop giving new times to the pieces of `pipe`: its reader is gone."""
        self._pipes.pop(pipe, None)


class Pipe:
    """One direction of a stream: pieces with the times of their arrival, and perhaps an end.

    Args:
        path: gives the times.
        capacity: bytes that may be on the way or unread.
        wake: called whenever the time of the next arrival may have changed.
        short_reads: probability, 0 … 1, that a read ends at a random place within a piece.
        seed: of the random choices.
    """

    def __init__(
        self, path: MemoryPath, capacity: int, wake: Callable[[], None], short_reads: float, seed: str
    ) -> None:
        self._path = path
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
        """Whether the sender may be waiting for room."""
        return self._size > self._capacity // 2

    def room_for(self, size: int) -> int:
        """Return how many of `size` bytes may be pushed now.

        If there is room for only a few of them, return 0: else a slow reader would make pieces ever smaller.
        """
        room = self._capacity - self._size
        return min(size, room) if room >= min(size, (self._capacity + 1) // 2) else 0

    @property
    def next_due(self) -> float:
        """When the next piece or the end arrives; infinity if nothing is on its way."""
        if self._pieces:
            return self._pieces[0][0]
        return self.end_due

    @property
    def end_due(self) -> float:
        """When the end of the stream arrives, whatever is before it; infinity if it is not on its way."""
        return inf if self._end is None else self._end

    def push(self, data: bytes, now: float) -> None:
        """Send `data`: at least one byte, and at most as many as `room_for` allows."""
        # Bytes that nobody will read still fill the buffer: else the sender would learn too early that the
        # reader is gone.
        self._size += len(data)
        if self._unread:
            return
        first = not self._pieces
        self._pieces.append((self._after_last(self._path.stamp(len(data), now)), data))
        if first:
            self._wake()

    def finish(self, now: float) -> None:
        """End the stream after what was pushed. Idempotent."""
        if self._end is None:
            self._end = self._after_last(self._path.stamp(0, now))
            self._wake()

    def take(self, limit: int, now: float) -> bytes | None:
        """Return up to `limit` bytes that have arrived; `b""` at the end; None if nothing has arrived."""
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
        """End the stream as the kernel does for a killed sender: cut off at a random byte on its way."""
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
        """Drop what is here and whatever comes: the reader is gone."""
        self._unread = True
        self._pieces.clear()
        self._path.forget(self)

    def hold(self, now: float) -> None:
        """Let what has not arrived by `now` not arrive before `release`."""
        self._pieces = deque((due if due <= now else inf, data) for due, data in self._pieces)
        if self._end is not None and self._end > now:
            self._end = inf
        self._wake()

    def release(self, now: float) -> None:
        """Give new times to all that `hold` kept, as if it left `now`."""
        held, self._pieces = self._pieces, deque()
        end, self._end = self._end, None
        for due, data in held:
            if due == inf:
                due = self._after_last(self._path.stamp(len(data), now))
            self._pieces.append((due, data))
        if end is not None:
            self._end = self._after_last(self._path.stamp(0, now)) if end == inf else end
        self._wake()

    def _after_last(self, due: float) -> float:
        """Return a time not before that of the last piece: pieces do not overtake, however latency varies."""
        return max(due, self._pieces[-1][0]) if self._pieces else due

    def _random(self) -> Random:
        if self._rng is None:
            self._rng = Random(self._seed)
        return self._rng
