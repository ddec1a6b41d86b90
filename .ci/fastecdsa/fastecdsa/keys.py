"""Keys on curves."""

from __future__ import annotations

from typing import NoReturn

from .absent import absent


class PEMEncoder:
    """A name only; `export_key` takes it."""


def gen_private_key(*_arguments: object) -> NoReturn:
    """Absent."""
    absent("keys.gen_private_key")


def get_public_key(*_arguments: object) -> NoReturn:
    """Absent."""
    absent("keys.get_public_key")


def export_key(*_arguments: object, **_options: object) -> NoReturn:
    """Absent."""
    absent("keys.export_key")
