"""Paths into content: an identifier, and the names of entries below it."""

from __future__ import annotations

import re

import attrs

from ...errors import BadCid
from .cid import Cid

MAX_ENTRY_NAME = 255
"""Bytes of one entry's name in UTF-8 at most: file systems take no longer names."""
_MAX_PATH = 4096
"""Characters of a path's text at most: as in Linux."""
_SCHEME = re.compile(r"(?:/ipfs/|ipfs:/?/?)")


@attrs.frozen
class ContentPath:
    """The place that is reached from the directory `root` by following `names`, one after the other."""

    root: Cid
    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ContentPath:
        """Return the path of a text such as `CID`, `CID/`, `CID/sub/dir`, `/ipfs/CID/sub` or `ipfs://CID/sub`.

        Raises:
            BadCid: the text is not such a path.
        """
        if len(text) > _MAX_PATH:
            raise BadCid(f"a path of {len(text)} characters is too long")
        head, *names = _without_scheme(text).rstrip("/").split("/")
        for name in names:
            flaw = flaw_of_entry(name)
            if flaw is not None:
                raise BadCid(f"{text!r} is not a path: a name in it {flaw}")
        return cls(Cid.parse(head), tuple(names))

    def __str__(self) -> str:
        return "/".join(["/ipfs", str(self.root), *self.names])


def _without_scheme(text: str) -> str:
    found = _SCHEME.match(text)
    return text[found.end() :] if found else text


def flaw_of_entry(name: str) -> str | None:
    """Return why a text cannot be the name of an entry, as words to follow the name; None if it can."""
    if name in ("", ".", ".."):
        return "is empty or made of dots"
    if "/" in name or "\0" in name:
        return "has a slash or a NUL in it"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is no Unicode text"
    return f"is longer than {MAX_ENTRY_NAME} bytes" if size > MAX_ENTRY_NAME else None
