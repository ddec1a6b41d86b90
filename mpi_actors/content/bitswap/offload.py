"""Where work is done that may wait for a disk, or keep a processor busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Offload:
    """Runs functions in worker threads of its own number.

    Args:
        threads: the most at a time; 0 to run them at once in the calling task. That is for blocks that are
            kept in memory, under a clock that does not know of threads, such as trio's mock clock.
    """

    def __init__(self, threads: int = 4) -> None:
        self._limiter = trio.CapacityLimiter(threads) if threads else None

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """What the function returns or raises. When cancelled, it is waited for."""
        if self._limiter is not None:
            return await trio.to_thread.run_sync(function, *args, limiter=self._limiter)
        await trio.lowlevel.checkpoint()
        return function(*args)
