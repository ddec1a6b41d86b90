"""How far a transfer is and how fast it goes, as one line of a given width. Pure."""

from __future__ import annotations

from collections import deque

from ...content.store.backend import TransferProgress
from .size import format_size

_WINDOW = 5.0
"""Seconds over which a speed is measured: long enough to be steady, short enough to be of now."""
_FIRST_SPEED = 0.5
"""Seconds after which the first speed is shown: before that it would be far off."""
_MIN_BAR, _MAX_BAR = 10, 40
"""Columns of the bar."""
_GAP = "  "


class Speed:
    """Measures bytes per second over the last few seconds.

    Args:
        now: the time in seconds when the transfer began.
    """

    def __init__(self, now: float) -> None:
        self._known: deque[tuple[float, int]] = deque([(now, 0)])

    def tell(self, now: float, done: int) -> float | None:
        """Return the speed at `now`, when `done` bytes are there; None while it is too early to say."""
        if done < self._known[-1][1]:  # the transfer began again
            self._known = deque([(now, done)])
        self._known.append((now, done))
        while len(self._known) > 2 and self._known[1][0] <= now - _WINDOW:
            self._known.popleft()
        then, before = self._known[0]
        return (done - before) / (now - then) if now - then >= _FIRST_SPEED else None


def describe(verb: str, progress: TransferProgress, speed: float | None) -> str:
    """Return the progress in words, of any length. The arguments are those of `render`."""
    return _GAP.join(_parts(verb, progress, speed))


def render(verb: str, progress: TransferProgress, speed: float | None, width: int) -> str:
    """Return one line of at most `width` characters that says as much as fits.

    Args:
        verb: what the transfer does, such as "fetching".
        progress: how far the transfer is.
        speed: bytes per second; None if unknown.
        width: characters, at least 1.
    """
    parts = _parts(verb, progress, speed)
    if progress.total is None:
        _, size, *_ = parts
        return _longest([parts, parts[1:], [size]], width)
    _, percent, _, *rest = parts
    room = width - len(_GAP.join([*parts, ""]))
    if room >= _MIN_BAR:
        parts.insert(2, _bar(_share(progress), min(room, _MAX_BAR)))
        return _GAP.join(parts)
    return _longest([parts, parts[1:], [percent, *rest], [percent, *rest[:1]], [percent]], width)


def _parts(verb: str, progress: TransferProgress, speed: float | None) -> list[str]:
    """Return the verb, the percentage if known, the bytes, and if known the speed and the time left."""
    how_fast = [] if speed is None else [f"{format_size(int(speed))}/s"]
    if progress.total is None:
        return [verb, format_size(progress.done), *how_fast]
    done = min(progress.done, progress.total)
    sizes = f"{format_size(done)} of {format_size(progress.total)}"
    percent = f"{int(_share(progress) * 100):3d}%"
    return [verb, percent, sizes, *how_fast, *_left(progress.total - done, speed)]


def _share(progress: TransferProgress) -> float:
    return min(1.0, progress.done / progress.total) if progress.total else 1.0


def _longest(candidates: list[list[str]], width: int) -> str:
    for parts in candidates:
        line = _GAP.join(parts)
        if len(line) <= width:
            return line
    return _GAP.join(candidates[-1]).strip()[:width]


def _bar(share: float, width: int) -> str:
    inside = width - 2
    full = int(share * inside)
    return f"[{'=' * full}{'>' if full < inside else ''}{' ' * (inside - full - 1)}]"


def _left(rest: int, speed: float | None) -> list[str]:
    if speed is None or speed < 1 or not rest:  # the transfer stalls, or is done
        return []
    seconds = int(rest / speed + 0.5)
    if seconds >= 100 * 3600:
        return [f"{seconds // 86400} days left"]
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return [f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"]
