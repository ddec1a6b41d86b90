"""Worker threads for blocking work on content, and what such work needs of the tasks around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import trio

from ...errors import BadBlock, ContentRefused
from ..formats.cid import Cid

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


def from_thread(callback: Callable[[_T], None] | None) -> Callable[[_T], None] | None:
    """Return a function that a worker thread can call to run `callback` in trio's thread; None for None."""
    if callback is None:
        return None
    return lambda argument: trio.from_thread.run_sync(callback, argument)


def check_cancelled() -> bool:
    """Raise trio.Cancelled if the task that waits for this worker thread was cancelled; else return False.

    It serves as the argument `stopped` of `publish` and `export`.
    """
    trio.from_thread.check_cancelled()
    return False


async def read_in_thread(
    read: Callable[[Callable[[Cid], bytes]], _T],
    get: Callable[[Cid], Awaitable[bytes]],
    limiter: trio.CapacityLimiter | None = None,
) -> _T:
    """Run blocking code that needs blocks in a worker thread. When cancelled, it ends at the next block.

    Args:
        read: the blocking code; its argument is a function that returns blocks.
        get: returns a block; it runs in trio's thread.
        limiter: bounds the number of such threads; None for trio's own limiter.

    Raises:
        ContentRefused: `read` found a block that makes no sense.
    """

    def get_block(cid: Cid) -> bytes:
        return trio.from_thread.run(get, cid)

    try:
        return await trio.to_thread.run_sync(read, get_block, limiter=limiter)
    except BadBlock as error:
        raise ContentRefused(str(error)) from error


class Offload:
    """Runs functions in worker threads, and bounds how many run at a time.

    Args:
        threads: how many may run at a time; 0 to run functions in the calling task. That is for blocks that
            are kept in memory, under a clock that does not know threads, such as trio's mock clock.
    """

    def __init__(self, threads: int = 4) -> None:
        self._limiter = trio.CapacityLimiter(threads) if threads else None

    async def run(self, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run the function, and return or raise what it does. When cancelled, wait for its end."""
        if self._limiter is not None:
            return await trio.to_thread.run_sync(function, *args, limiter=self._limiter)
        await trio.lowlevel.checkpoint()
        return function(*args)
