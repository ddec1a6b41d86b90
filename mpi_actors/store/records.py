"""What a depot remembers of the interpreters that it has installed: a small JSON file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from .source import flaw_of

RECORDS_NAME = ".installed.json"
"""The file's name in the directory of installed interpreters."""

_log = logging.getLogger(__name__)
_FORMAT = 1


@attrs.frozen
class Record:
    """One installed interpreter."""

    version: str
    """Of the interpreter in its store."""
    size: int
    """Bytes in its files once `init.py` had run."""


def load(path: Path) -> dict[str, Record]:
    """What is recorded; nothing if there is no such file, or it makes no sense (which is logged).

    Raises:
        OSError: it cannot be read.
    """
    try:
        return _parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        _log.warning("%s is damaged, so everything is installed again: %s", path, error)
        return {}


def save(path: Path, records: Mapping[str, Record]) -> None:
    """Replace the file: it has either what it had or all of the new, even after a power failure.

    Raises:
        OSError: it cannot be written.
    """
    installed = {name: attrs.asdict(record) for name, record in sorted(records.items())}
    draft = path.with_name(path.name + ".new")
    with open(draft, "w", encoding="utf-8") as file:
        json.dump({"format": _FORMAT, "installed": installed}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _parse(content: object) -> dict[str, Record]:
    match content:
        case {"format": int(number), "installed": dict(installed)} if number == _FORMAT:
            return {name: _record(name, fields) for name, fields in installed.items()}
    raise ValueError("not of this release's format")


def _record(name: str, fields: object) -> Record:
    match fields:
        case {"version": str(version), "size": int(size)} if size >= 0 and flaw_of(name) is None:
            return Record(version, size)
    raise ValueError(f"the record of {name!r} makes no sense")
