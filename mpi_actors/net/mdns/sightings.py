"""What is heard in one thread, and reported in another."""

from __future__ import annotations

import threading

MAX_PEERS = 1024
"""The most services that are remembered; more are ignored until some are gone."""


class Sightings:
    """Services and the addresses that they announce; which of them are yet to be reported. Thread-safe."""

    def __init__(self, most: int = MAX_PEERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        # an ordered set, so that nobody who changes often is reported before those who wait
        self._news: dict[str, None] = {}

    def seen(self, service: str, addresses: tuple[str, ...]) -> bool:
        """Remember what a service announces. True if there is something to report."""
        with self._lock:
            if self._known.get(service) == addresses:
                return False
            if service not in self._known and len(self._known) >= self._most:
                return False
            self._known[service] = addresses
            self._news[service] = None
            return True

    def gone(self, service: str) -> None:
        """Forget a service."""
        with self._lock:
            self._known.pop(service, None)
            self._news.pop(service, None)

    def renew(self) -> None:
        """Everything that is remembered is to be reported again."""
        with self._lock:
            self._news |= dict.fromkeys(self._known)

    def take(self, most: int) -> list[tuple[str, ...]]:
        """Up to `most` that are to be reported, oldest first; they count as reported then."""
        with self._lock:
            services = list(self._news)[:most]
            for service in services:
                del self._news[service]
            return [self._known[service] for service in services]
