"""Passes what one thread hears of services to another, which reports it."""

from __future__ import annotations

import threading

MAX_PEERS = 1024
"""Services that are remembered at most; further ones are ignored until some are withdrawn."""


class Sightings:
    """Services, the addresses that they announce, and which of them are to be reported. Thread-safe."""

    def __init__(self, most: int = MAX_PEERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        # an ordered set: a service that changes often is not reported before those that wait
        self._news: dict[str, None] = {}

    def on_announced(self, service: str, addresses: tuple[str, ...]) -> bool:
        """Remember what a service announces; return whether there is something to report."""
        with self._lock:
            if self._known.get(service) == addresses:
                return False
            if service not in self._known and len(self._known) >= self._most:
                return False
            self._known[service] = addresses
            self._news[service] = None
            return True

    def on_withdrawn(self, service: str) -> None:
        """Forget a service."""
        with self._lock:
            self._known.pop(service, None)
            self._news.pop(service, None)

    def renew(self) -> None:
        """Report all remembered services again."""
        with self._lock:
            self._news |= dict.fromkeys(self._known)

    def take(self, most: int) -> list[tuple[str, ...]]:
        """Return the addresses of up to `most` services to report, oldest first; they count as reported."""
        with self._lock:
            services = list(self._news)[:most]
            for service in services:
                del self._news[service]
            return [self._known[service] for service in services]
