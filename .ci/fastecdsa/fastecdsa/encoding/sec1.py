"""Keys in the format SEC1."""

from __future__ import annotations

from typing import NoReturn

from ..absent import absent


class SEC1Encoder:
    """Absent."""

    @staticmethod
    def encode_public_key(*_arguments: object, **_options: object) -> NoReturn:
        """Absent."""
        absent("encoding.sec1.SEC1Encoder")

    @staticmethod
    def decode_public_key(*_arguments: object) -> NoReturn:
        """Absent."""
        absent("encoding.sec1.SEC1Encoder")
