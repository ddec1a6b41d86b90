"""How often a loop turns before a timeout ends it."""

import asyncio

from losses_play import play


async def turns() -> int:
    """Count until the timeout."""
    count = 0
    try:
        async with asyncio.timeout(0.003):
            while True:
                count += 1
                await asyncio.sleep(0)
    except TimeoutError:
        return count


play(lambda _: asyncio.run(turns()))
