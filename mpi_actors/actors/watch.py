"""Death-watch: which mailboxes get the notices of which child's end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from .mailbox import Mailbox
from .spec import Exited

M = TypeVar("M")
log = logging.getLogger(__name__)


class Watches:
    """The watchers of one supervisor's children."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[Mailbox[Any], Callable[[Exited], Any]]] = {}

    def add(self, id: str, box: Mailbox[M], make_message: Callable[[Exited], M]) -> None:
        """From now on, post `make_message(exited)` to `box` whenever a run of child `id` ends."""
        self._watchers.setdefault(id, {})[box] = make_message

    def remove(self, id: str, box: Mailbox[Any]) -> None:
        """End that watch, if there is one."""
        watchers = self._watchers.get(id, {})
        watchers.pop(box, None)
        if not watchers:
            self._watchers.pop(id, None)

    def tell(self, exited: Exited) -> None:
        """Send the notice to all watchers of `exited.id`. Never waits, and raises no `Exception`.

        When the child has gone for good, its watches end. So do those of a watcher whose mailbox is closed.
        """
        for box, make_message in list(self._watchers.get(exited.id, {}).items()):
            try:
                box.post(make_message(exited))
            except Exception:
                log.exception("cannot notify a watcher that %r has ended", exited.id)
            if box.closed:
                self.remove(exited.id, box)
        if exited.gone:
            self._watchers.pop(exited.id, None)
