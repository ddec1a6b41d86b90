"""Who stays when room is short: pure arithmetic on sizes, last uses, and what must not go."""

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
    """Unix time: whoever has the smallest goes first."""
    held: str = ""
    """Why it must not go, in words; empty if it may."""


@attrs.frozen
class Room:
    """What has to go, the least recently used first, so that something fits."""

    going: tuple[str, ...]
    fits: bool
    """Whether it fits when all of them have gone; if not, they are all that may go."""


def make_room(tenants: Collection[Tenant], size: int, limit: int) -> Room:
    """What has to go so that `size` more bytes fit below `limit`."""
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
    """The bytes that are free as it is; negative if too many are taken."""
    return limit - sum(tenant.size for tenant in tenants)


def reach(tenants: Collection[Tenant], limit: int) -> int:
    """The bytes that are free when all have gone that may."""
    return free_room([tenant for tenant in tenants if tenant.held], limit)


def shortage(tenants: Collection[Tenant], size: int, limit: int, when: str = "") -> str:
    """Why `size` bytes do not fit whatever goes, in words, with what can be done; empty if they do.

    `when` follows the number of bytes, after a space of its own.
    """
    if size <= reach(tenants, limit):
        return ""
    need = f"it needs {size} bytes{when}, and {limit} are allowed for all"
    held = sorted((tenant for tenant in tenants if tenant.held), key=lambda tenant: tenant.name)
    if size > limit or not held:
        return f"{need}. Raise the limit."
    taken = sum(tenant.size for tenant in held)
    holders = ", ".join(f"{tenant.name} ({tenant.held})" for tenant in held)
    return f"{need}, of which {taken} must stay: {holders}. Try again later, unpin some, or raise the limit."
