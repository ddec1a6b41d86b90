"""Files that an incarnation opened to append to them or to change them, and its successor as well."""

from __future__ import annotations

from ..ids import Incarnation, Rank

_MOST_FILES = 1000
"""Files that are remembered for a rank: as many as its process tells."""
_MOST_NAMES = 10
"""Files that a notice names: people read no more."""


class TouchedFiles:
    """The files of one job's ranks."""

    def __init__(self) -> None:
        self._first: dict[Rank, dict[str, Incarnation]] = {}
        self._again: dict[Rank, list[str]] = {}

    def note(self, rank: Rank, incarnation: Incarnation, path: str) -> None:
        """An incarnation opened a file to append to it or to change it."""
        files = self._first.setdefault(rank, {})
        if path not in files and len(files) >= _MOST_FILES:
            return
        first = files.setdefault(path, incarnation)
        again = self._again.setdefault(rank, [])
        if first != incarnation and path not in again:
            again.append(path)

    def notices(self) -> list[str]:
        """Return what people should know, one text for each rank that opened files again."""
        return [_notice(rank, paths) for rank, paths in sorted(self._again.items()) if paths]


def _notice(rank: Rank, paths: list[str]) -> str:
    names = ", ".join(paths[:_MOST_NAMES])
    if len(paths) > _MOST_NAMES:
        names += f" and {len(paths) - _MOST_NAMES} more"
    return (
        f"rank {rank} was started again and opened {names} again to append or to change something there: "
        "what it had written before its loss may be there twice"
    )
