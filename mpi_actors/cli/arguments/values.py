"""What stands in a command line, as values; and the parser that says one line about what is wrong. Pure."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NoReturn

from ...content.formats.path import ContentPath
from ...errors import UsageError
from ...ids import MAX_RANKS
from ...net.addresses import parse, parse_listen

EMBEDDED = "embedded"
"""The value of `-ipfs-api` that means: no IPFS daemon, even if one runs here."""

_SCHEME = re.compile(r"/ipfs/|ipfs:", re.IGNORECASE)
# as long as identifiers are, or at least with the beginning of one: a part of one was copied
_LIKE_CID = re.compile(r"Qm[A-Za-z0-9]{10,}|ba[a-z0-9]{2}[A-Za-z0-9]{12,}|[A-Za-z0-9]{46,}")


class Parser(argparse.ArgumentParser):
    """Says one line about an error, and raises it."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "-help", "--help", action="help", help="show this and exit")

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{' '.join(message.split())}. Try: {self.prog} --help")


# --- content ----------------------------------------------------------------------------------------------


def is_like_content(text: str) -> bool:
    """Whether a text is meant to name content in IPFS, rightly or not, rather than anything else."""
    return bool(_SCHEME.match(text) or _LIKE_CID.fullmatch(text.partition("/")[0]))


def content(text: str) -> ContentPath:
    """A path into IPFS.

    Raises:
        BadCid: it is none.
    """
    return ContentPath.parse(text)


def store(text: str) -> ContentPath | Path:
    """A store of interpreters: a directory here, if there is one of that name, or one in IPFS.

    Raises:
        UsageError: it is neither; whether a directory exists is not asked.
    """
    place = path(text)
    if is_like_content(text) and not _exists(place):
        return content(text)
    return place


def name_or_content(text: str) -> str | ContentPath:
    """An interpreter's name, or a path into IPFS.

    Raises:
        UsageError: it is neither.
    """
    if is_like_content(text):
        return content(text)
    if not text or "/" in text:
        raise UsageError(f"{text!r} is neither an interpreter's name nor a content identifier (Qm…, bafy…)")
    return text


def ipfs_api(text: str) -> str:
    """Where an IPFS daemon takes commands, or `EMBEDDED`.

    Raises:
        UsageError: it is neither.
    """
    if text != EMBEDDED:
        parse(re.sub(r"/https?$", "", text))
    return text


# --- others -----------------------------------------------------------------------------------------------


def path(text: str) -> Path:
    """A path on this machine.

    Raises:
        UsageError: it cannot be one.
    """
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is no path")
    return Path(text)


def default_directory() -> Path:
    """Return the peer's own directory for when no `-path` names one: it lies in the user's data directory."""
    # imported here: not needed when a flag is wrong, or names the directory
    import platformdirs

    return platformdirs.user_data_path("mpi-actors", appauthor=False)


def peer(text: str) -> str:
    """An address to dial.

    Raises:
        BadAddress: it is none.
    """
    return str(parse(text))


def listen(text: str) -> str:
    """An address to listen on.

    Raises:
        BadAddress: it is none.
    """
    return str(parse_listen(text))


def slots(text: str) -> int:
    """A number of ranks that a peer takes gladly.

    Raises:
        UsageError: it is none.
    """
    return _number(text, "slots", 1_000_000)


def ranks(text: str) -> int:
    """A job's number of ranks.

    Raises:
        UsageError: it is none.
    """
    return _number(text, "ranks", MAX_RANKS)


def peers(text: str) -> int:
    """A number of peers on this machine.

    Raises:
        UsageError: it is none.
    """
    return _number(text, "peers", 256)


def pool(text: str) -> str:
    """A pool's name.

    Raises:
        UsageError: it cannot be one.
    """
    if not text or len(text) > 255 or not text.isprintable():
        raise UsageError("a pool's name has 1 to 255 printable characters")
    return text


def _number(text: str, what: str, most: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if not 1 <= number <= most:
        raise UsageError(f"the number of {what} must be from 1 to {most}, not {text[:40]!r}")
    return number


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # such as a name that is too long
        return False
