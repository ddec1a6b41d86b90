"""What the garbage collector has done."""

import gc

from losses_play import play

seen: list[str] = []
gc.callbacks.append(lambda phase, info: seen.append(f"{phase}{info['generation']}"))


def draw(step: int) -> object:
    """Collections so far, and what waits for the next."""
    loops = [[] for _ in range(300 + step)]  # type: ignore[var-annotated]
    for loop in loops:
        loop.append(loop)
    return len(seen), gc.get_count()


play(draw)
