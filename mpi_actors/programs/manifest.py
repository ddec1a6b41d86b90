"""`mpi-actors.toml`: what an interpreter's directory says of itself. The file is optional.

    protocol = "mpi"

says that `run.py` is an mpi4py program. With "stdio", or without the line or the file, it speaks lines.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from ..errors import BadManifest

MANIFEST = "mpi-actors.toml"
"""The file's name."""

Protocol = Literal["stdio", "mpi"]
"""How a program talks: lines over standard input and output, or through mpi4py."""

_PROTOCOLS: dict[object, Protocol] = {"stdio": "stdio", "mpi": "mpi"}
_MAX_SIZE = 64 * 1024
"""Bytes of the longest manifest: far more than one line and its comments need."""


def protocol_of(directory: Path) -> Protocol:
    """Return the protocol of the interpreter in a directory. This reads a file, and so may block.

    Raises:
        BadManifest: the manifest cannot be read, or this release does not understand it.
    """
    try:
        with open(directory / MANIFEST, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        return "stdio"
    except OSError as error:
        raise BadManifest(f"{MANIFEST} cannot be read: {error.strerror}") from error
    return parse_manifest(data)


def parse_manifest(data: bytes) -> Protocol:
    """Return the protocol that a manifest names.

    Raises:
        BadManifest: the manifest is too long, is not TOML, or has an unknown key or value.
    """
    if len(data) > _MAX_SIZE:
        raise BadManifest(f"{MANIFEST} is longer than {_MAX_SIZE} bytes")
    try:
        fields = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"{MANIFEST} is not TOML: {error}") from error
    value = fields.pop("protocol", "stdio")
    if fields:
        raise BadManifest(f"{MANIFEST} has {_quote(min(fields))}; the only key is protocol")
    protocol = _PROTOCOLS.get(value) if isinstance(value, str) else None
    if protocol is None:
        raise BadManifest(f'{MANIFEST}: protocol must be "stdio" or "mpi", not {_quote(value)}')
    return protocol


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
