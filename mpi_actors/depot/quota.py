"""Which interpreters stay when room is short: pure arithmetic on sizes, last uses, and what must stay."""

from __future__ import annotations

from collections.abc import Collection

import attrs


@attrs.frozen
class Tenant:
    """One installed interpreter, as the quota sees it."""

    name: str
    size: int
    """Bytes."""
    used_at: float
    """Unix time of its last use: the least recently used one goes first."""
    held: str = ""
    """Why it must stay, in words; empty if it may go."""


@attrs.frozen
class Room:
    """Which interpreters have to go so that something fits."""

    going: tuple[str, ...]
    """Their names, the least recently used first."""
    fits: bool
    """Whether it fits once they have gone. If not, they are all that may go."""


def make_room(tenants: Collection[Tenant], size: int, limit: int) -> Room:
    """Return what has to go so that `size` more bytes fit below `limit` bytes."""
    free = free_room(tenants, limit)
    going = []
    for tenant in sorted(tenants, key=lambda tenant: (tenant.used_at, tenant.name)):
        if free >= size:
            break
        if not tenant.held:
            going.append(tenant.name)
            free += tenant.size
    return Room(tuple(going), free >= size)


def free_room(tenants: Collection[Tenant], limit: int) -> int:
    """Return how many bytes are free now; negative if too many are taken."""
    return limit - sum(tenant.size for tenant in tenants)


def reach(tenants: Collection[Tenant], limit: int) -> int:
    """Return how many bytes are free once everything has gone that may go."""
    return free_room([tenant for tenant in tenants if tenant.held], limit)


def shortage(tenants: Collection[Tenant], size: int, limit: int, when: str = "") -> str:
    """Return why `size` bytes do not fit, whatever goes, and what a person can do; empty if they fit.

    Args:
        tenants: all installed interpreters.
        size: bytes that are needed.
        limit: bytes that all may have together.
        when: when `size` was measured, as words with a space before them, to follow the number of bytes.
    """
    if size <= reach(tenants, limit):
        return ""
    need = f"it needs {size} bytes{when}, and {limit} are allowed for all"
    held = sorted((tenant for tenant in tenants if tenant.held), key=lambda tenant: tenant.name)
    if size > limit or not held:
        return f"{need}. Raise the limit."
    taken = sum(tenant.size for tenant in held)
    kept = ", ".join(f"{tenant.name} ({tenant.held})" for tenant in held)
    return f"{need}, of which {taken} must stay: {kept}. Try again later, unpin some, or raise the limit."
