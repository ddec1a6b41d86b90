"""What blocking code on content, in a worker thread, needs of the tasks around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import trio

from ...errors import BadBlock, ContentRefused
from ..formats.cid import Cid

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


def from_thread(callback: Callable[[_T], None] | None) -> Callable[[_T], None] | None:
    """The same callback, for a worker thread to call: it runs in trio's thread. None stays None."""
    if callback is None:
        return None
    return lambda argument: trio.from_thread.run_sync(callback, argument)


def check_cancelled() -> bool:
    """For what asks now and then whether to stop: ends the work if whoever waits for it was cancelled."""
    trio.from_thread.check_cancelled()
    return False


async def read_in_thread(
    read: Callable[[Callable[[Cid], bytes]], _T],
    get: Callable[[Cid], Awaitable[bytes]],
    limiter: trio.CapacityLimiter | None = None,
) -> _T:
    """Run blocking code that needs blocks; when this is cancelled, it ends at the next one.

    Args:
        read: gets a function that gets blocks.
        get: how they are had.
        limiter: of the thread; None for that of all threads.

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
    """Runs functions in worker threads of its own number.

    Args:
        threads: the most at a time; 0 to run them at once in the calling task. That is for blocks that are
            kept in memory, under a clock that does not know of threads, such as trio's mock clock.
    """

    def __init__(self, threads: int = 4) -> None:
        self._limiter = trio.CapacityLimiter(threads) if threads else None

    async def run(self, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """What the function returns or raises. When cancelled, it is waited for."""
        if self._limiter is not None:
            return await trio.to_thread.run_sync(function, *args, limiter=self._limiter)
        await trio.lowlevel.checkpoint()
        return function(*args)
