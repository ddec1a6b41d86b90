"""`mpi-actors.toml`: what an interpreter's directory says of itself. It need not be there.

protocol = "mpi"        # run.py is an mpi4py program; without the line, or with "stdio", it speaks lines
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
_MOST = 64 * 1024


def protocol_of(directory: Path) -> Protocol:
    """The protocol of the interpreter in that directory (blocking).

    Raises:
        BadManifest: its manifest cannot be read, or says what this release does not understand.
    """
    try:
        with open(directory / MANIFEST, "rb") as file:
            data = file.read(_MOST + 1)
    except FileNotFoundError:
        return "stdio"
    except OSError as error:
        raise BadManifest(f"{MANIFEST} cannot be read: {error.strerror}") from error
    return parse_manifest(data)


def parse_manifest(data: bytes) -> Protocol:
    """The protocol that a manifest names.

    Raises:
        BadManifest: it is too long, no TOML, or has a key or value that this release does not know.
    """
    if len(data) > _MOST:
        raise BadManifest(f"{MANIFEST} is longer than {_MOST} bytes")
    try:
        fields = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"{MANIFEST} is no TOML: {error}") from error
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
