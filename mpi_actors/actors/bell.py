"""A bell: tasks wait until something has changed."""

from __future__ import annotations

import trio


class Bell:
    """Wakes all tasks that wait for a change, each time there is one.

    A bell has no memory: `wait` returns at the next `ring`, and rings before it do not count. So test the
    condition first, and wait in a loop, with no checkpoint between the test and `wait`:

        while not condition():
            await bell.wait()

    A waiter may find the condition false again, if another task was faster. Ring and wait in one event loop.
    """

    def __init__(self) -> None:
        self._waiting = trio.lowlevel.ParkingLot()

    def ring(self) -> None:
        """Wake each task that waits now. It runs at the caller's next checkpoint, not inside this call."""
        if self._waiting:  # quicker than to ask the lot, and most rings find nobody
            self._waiting.unpark_all()

    async def wait(self) -> None:
        """Wait until the next `ring`. This is always a checkpoint."""
        await self._waiting.park()
