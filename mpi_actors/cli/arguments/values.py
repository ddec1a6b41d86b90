"""Texts of a command line as values, and the parser of all commands. Pure."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from ...content.formats.path import ContentPath
from ...errors import UsageError
from ...ids import MAX_RANKS
from ...net.addresses import parse, parse_listen

EMBEDDED = "embedded"
"""The value of `-ipfs-api` that means: use no IPFS daemon, even if one runs on this machine."""
MAX_SLOTS = 1_000_000
"""The largest number of slots that a peer accepts: more than any machine can run."""
MAX_PEERS = 256
"""The largest number of peers that `run` starts on one machine: each is a Python process of its own."""
MAX_POOL_NAME = 255
"""Characters that a pool's name may have: it travels in every hello."""

_SCHEME = re.compile(r"/ipfs/|ipfs:", re.IGNORECASE)
# as long as a CID, or with the beginning of a CID: somebody copied a part of it
_LIKE_CID = re.compile(r"Qm[A-Za-z0-9]{10,}|ba[a-z0-9]{2}[A-Za-z0-9]{12,}|[A-Za-z0-9]{46,}")


class Parser(argparse.ArgumentParser):
    """The parser of all commands. It raises errors, of one line each, and does not exit.

    A flag has to be written in full. The value of a flag of one letter may follow without a space: `-n4`.
    """

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "-help", "--help", action="help", help="show this text and exit")

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(" ".join(message.split()))

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # `allow_abbrev` ends abbreviations of flags with two dashes only: without this, -k would mean -keep
        found: list[Any] = super()._get_option_tuples(option_string)
        return [each for each in found if option_string.startswith(each[1]) and each[0].nargs != 0]


def with_help(text: str, command: str) -> str:
    """Return an error's text and, unless the text says itself what to do next, which help says more.

    Args:
        text: one line.
        command: the command to which `--help` is added.
    """
    if text.endswith("?") or " Try: " in text:
        return text
    return f"{text.removesuffix('.')}. Try: {command} --help"


# --- content ----------------------------------------------------------------------------------------------


def is_like_content(text: str) -> bool:
    """Return whether a text is meant to name content in IPFS, even if wrongly."""
    return bool(_SCHEME.match(text) or _LIKE_CID.fullmatch(text.partition("/")[0]))


def content(text: str) -> ContentPath:
    """Return the path in IPFS that a text names.

    Raises:
        BadCid: the text is not such a path.
    """
    return ContentPath.parse(text)


def store(text: str) -> ContentPath | Path:
    """Return the store that a text names: a directory on this machine if it exists, or else a path in IPFS.

    Raises:
        UsageError: the text is neither. A directory need not exist.
    """
    place = path(text)
    if is_like_content(text) and not exists(place):
        return content(text)
    return place


def name_or_content(text: str) -> str | ContentPath:
    """Return an interpreter's name, or a path in IPFS.

    Raises:
        UsageError: the text is neither.
    """
    if is_like_content(text):
        return content(text)
    if not text or "/" in text:
        raise UsageError(f"{text!r} is neither an interpreter's name nor a content identifier (Qm…, bafy…)")
    return text


def ipfs_api(text: str) -> str:
    """Return the address of an IPFS daemon's API, or `EMBEDDED`.

    Raises:
        UsageError: the text is neither.
    """
    if text != EMBEDDED:
        parse(re.sub(r"/https?$", "", text))
    return text


# --- others -----------------------------------------------------------------------------------------------


def path(text: str) -> Path:
    """Return a path on this machine.

    Raises:
        UsageError: the text is empty, or has a NUL.
    """
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is not a path")
    return Path(text)


def default_directory() -> Path:
    """Return the peer's own directory for when no `-path` names one: it lies in the user's data directory."""
    # imported here: not needed when a flag is wrong, or names the directory
    import platformdirs

    return platformdirs.user_data_path("mpi-actors", appauthor=False)


def peer(text: str) -> str:
    """Return an address that a peer can dial.

    Raises:
        BadAddress: the text is not such an address.
    """
    return str(parse(text))


def listen(text: str) -> str:
    """Return an address on which a peer can listen.

    Raises:
        BadAddress: the text is not such an address.
    """
    return str(parse_listen(text))


def slots(text: str) -> int:
    """Return the number of ranks that a peer takes before the pool prefers other peers.

    Raises:
        UsageError: the text is not a number from 1 to `MAX_SLOTS`.
    """
    return _number(text, "slots", MAX_SLOTS)


def ranks(text: str) -> int:
    """Return the number of a job's ranks.

    Raises:
        UsageError: the text is not a number from 1 to `MAX_RANKS`.
    """
    return _number(text, "ranks", MAX_RANKS)


def peers(text: str) -> int:
    """Return a number of peers on this machine.

    Raises:
        UsageError: the text is not a number from 1 to `MAX_PEERS`.
    """
    return _number(text, "peers", MAX_PEERS)


def pool(text: str) -> str:
    """Return the name of a pool.

    Raises:
        UsageError: the text cannot be a pool's name.
    """
    if not text or len(text) > MAX_POOL_NAME or not text.isprintable():
        raise UsageError(f"a pool's name has 1 to {MAX_POOL_NAME} printable characters")
    return text


def exists(place: Path) -> bool:
    """Return whether there is such a file or directory, as far as this process can see."""
    try:
        return place.exists()
    except OSError:  # for example, the name is too long
        return False


def _number(text: str, what: str, maximum: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if not 1 <= number <= maximum:
        raise UsageError(f"the number of {what} must be from 1 to {maximum}, not {text[:40]!r}")
    return number
