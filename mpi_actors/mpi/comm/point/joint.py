"""Several transfers that a program waits for together."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine import Transfer


class Joint(Transfer):
    """A transfer that is complete when all its parts are; its result is that of the first part.

    The caller makes it inside the engine (`Engine.inside`), so that no part completes meanwhile.
    """

    __slots__ = ("_first", "_missing")

    def __init__(self, parts: Sequence[Transfer]) -> None:
        super().__init__()
        self._first = parts[0] if parts else None
        missing = [part for part in parts if not part.done]
        self._missing = len(missing)
        for part in missing:
            part.on_done = self._on_part_done
        if not missing:
            self._close()

    def describe(self) -> str:
        """See `Transfer.describe`."""
        return "messages to be sent" if self._first is None else self._first.describe()

    def _on_part_done(self, part: Transfer) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._close()

    def _close(self) -> None:
        first = self._first
        if first is not None:
            self.error, self.exception = first.error, first.exception
            self.source, self.tag, self.count = first.source, first.tag, first.count
            self.cancelled, self.payload = first.cancelled, first.payload
        self.finish()
