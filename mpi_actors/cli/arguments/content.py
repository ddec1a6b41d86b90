"""The command lines of the commands on content: `publish`, `get`, `list`, `pin`, `unpin`, `gc`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from ...content.formats.path import ContentPath
from ...errors import UsageError
from . import values
from .values import Parser

_COMMON = """
A flag may have one dash or two.

exit codes: 0 if the command did its work; 1 if it failed (one line on standard error says why); 2 if the
command line cannot be used; 130 after Ctrl-C
"""

_PUBLISH = """\
examples:
  mpi-actors publish example
      print a line for each entry; the last line names the directory:
      added Qm… example/echo/run.py
      …
      added Qm… example
  mpi-actors -ipfs-store "$(mpi-actors publish -q example)"
      publish a store, and start a console on it

The command leaves out hidden files. The identifiers are those of `ipfs add -r`. With --json, it prints each
entry as a line with `cid`, `path` and `size` in bytes, the directory itself last.
"""

_GET = """\
examples:
  mpi-actors get Qm…/echo .
      fetch the directory `echo` into the working directory
  mpi-actors get -peer /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo… Qm… store
      fetch a whole store as the directory `store`, from the peer that printed this address

If TO is an existing directory, the command puts the content into it, under the last name of the path. After
an interruption, the same command fetches only what is missing. With --json, it prints one line with `cid` and
`path`.
"""

_LIST = """\
examples:
  mpi-actors list
      show the interpreters that this peer has installed or failed to install; its console may run meanwhile
  mpi-actors list Qm…/echo
      show what is in that directory
  mpi-actors list -ipfs-store Qm…
      show what is in that store

With --json, each is a line: for an interpreter `name`, `size`, `state`, `last_use` (seconds since 1970),
`pinned`, `in_use`, `detail`; for an entry of a directory `name`, `cid`, `kind`, `size`. Sizes are in bytes.
"""

_PIN = """\
examples:
  mpi-actors pin echo
      keep the interpreter `echo`, even if its room is needed or no job uses it for long
  mpi-actors pin Qm…
      fetch the whole content, and keep it for other peers

With --json, the command prints a line with `name`, or with `cid` and `path`, for each target.
"""

_UNPIN = """\
examples:
  mpi-actors unpin echo
      let the peer remove the interpreter `echo` when it needs the room
  mpi-actors unpin Qm…
      let `mpi-actors gc` remove this content

With --json, the command prints a line with `name`, or with `cid` and `path`, for each target.
"""

_GC = """\
example:
  mpi-actors gc
      remove fetched and published content that is neither pinned nor part of an installed interpreter

A running console removes interpreters that no job has used for long; its own command `gc` does so at once. If
the peer uses an IPFS daemon, this command runs the garbage collection of that daemon, which also removes
content that other programs have not pinned. With --json, it prints one line with `interpreters`, `blocks` and
`size` in bytes.
"""


@attrs.frozen(kw_only=True)
class ContentCommand:
    """What all commands on content have in common."""

    path: Path | None = None
    """The peer's directory; None for the user's data directory."""
    api: str | None = None
    """The address of an IPFS daemon, or `embedded`; None for this machine's daemon if there is one."""
    peers: tuple[str, ...] = ()
    """Addresses of IPFS nodes or peers from which the command fetches."""
    json: bool = False
    """Print lines of JSON."""
    debug: bool = False
    """Write records of what happens inside to standard error."""


@attrs.frozen(kw_only=True)
class PublishArguments(ContentCommand):
    """`mpi-actors publish`."""

    directory: Path
    cid_version: int = 0
    """0 or 1: see `formats.cid`."""
    quiet: bool = False
    """Print only the directory's own identifier."""


@attrs.frozen(kw_only=True)
class GetArguments(ContentCommand):
    """`mpi-actors get`."""

    content: ContentPath
    """What to fetch."""
    to: Path
    """Where to put it: see `acts.destination`."""


@attrs.frozen(kw_only=True)
class ListArguments(ContentCommand):
    """`mpi-actors list`."""

    content: ContentPath | None = None
    """A directory in IPFS; None to list the interpreters of this peer."""


@attrs.frozen(kw_only=True)
class PinArguments(ContentCommand):
    """`mpi-actors pin`."""

    targets: tuple[str | ContentPath, ...]
    """Names of interpreters, and paths in IPFS."""


@attrs.frozen(kw_only=True)
class UnpinArguments(ContentCommand):
    """`mpi-actors unpin`."""

    targets: tuple[str | ContentPath, ...]
    """Names of interpreters, and paths in IPFS."""


@attrs.frozen(kw_only=True)
class CollectArguments(ContentCommand):
    """`mpi-actors gc`."""


ContentArguments = (
    PublishArguments | GetArguments | ListArguments | PinArguments | UnpinArguments | CollectArguments
)


def parse_content(word: str, argv: Sequence[str]) -> ContentArguments:
    """Return what the command `word` is asked for. `--help` prints and raises SystemExit(0).

    Raises:
        UsageError: the command line cannot be used; the text is one line.
    """
    return _PARSE[word](argv)


def _publish(argv: Sequence[str]) -> PublishArguments:
    parser = _parser(
        "publish", "Put a directory into IPFS, pin it, and print its content identifier (CID).", _PUBLISH
    )
    add = parser.add_argument
    add("directory", metavar="DIR", type=values.path, help="the directory to publish")
    add(
        "-cid-version", "--cid-version", type=int, choices=(0, 1), default=0,
        help="0 for identifiers that begin with Qm, 1 for bafy (default: 0)",
    )  # fmt: skip
    add("-q", "-quiet", "--quiet", action="store_true", help="print only the directory's identifier")
    found = parser.parse_args(argv)
    return PublishArguments(
        directory=found.directory, cid_version=found.cid_version, quiet=found.quiet, path=found.path,
        api=found.ipfs_api, json=found.json, debug=found.debug,
    )  # fmt: skip


def _get(argv: Sequence[str]) -> GetArguments:
    parser = _parser("get", "Fetch a directory or a file from IPFS.", _GET, fetches=True)
    _add_store(parser, "a directory in IPFS; CONTENT is then a path in it")
    parser.add_argument("content", metavar="CONTENT", help="CID, CID/path, /ipfs/CID/path or ipfs://CID/path")
    parser.add_argument("to", metavar="TO", type=values.path, help="where to put the content")
    found = parser.parse_args(argv)
    return GetArguments(
        content=_below(found.ipfs_store, found.content), to=found.to, path=found.path, api=found.ipfs_api,
        peers=tuple(found.peer), json=found.json, debug=found.debug,
    )  # fmt: skip


def _list(argv: Sequence[str]) -> ListArguments:
    parser = _parser(
        "list", "Show the interpreters of this peer, or a directory in IPFS.", _LIST, fetches=True
    )
    _add_store(parser, "a directory in IPFS to show; or CONTENT is a path in it")
    add = parser.add_argument
    add("content", metavar="CONTENT", nargs="?", help="CID, CID/path, /ipfs/CID/path or ipfs://CID/path")
    found = parser.parse_args(argv)
    content = found.ipfs_store if found.content is None else _below(found.ipfs_store, found.content)
    return ListArguments(
        content=content, path=found.path, api=found.ipfs_api, peers=tuple(found.peer), json=found.json,
        debug=found.debug,
    )  # fmt: skip


def _pin(argv: Sequence[str]) -> PinArguments:
    parser = _parser("pin", "Keep interpreters or content on this peer until `unpin`.", _PIN, fetches=True)
    found = _with_targets(parser, argv)
    return PinArguments(
        targets=tuple(found.targets), path=found.path, api=found.ipfs_api, peers=tuple(found.peer),
        json=found.json, debug=found.debug,
    )  # fmt: skip


def _unpin(argv: Sequence[str]) -> UnpinArguments:
    found = _with_targets(
        _parser("unpin", "Let this peer remove what `pin` or `publish` kept.", _UNPIN), argv
    )
    return UnpinArguments(
        targets=tuple(found.targets), path=found.path, api=found.ipfs_api, json=found.json, debug=found.debug
    )


def _collect(argv: Sequence[str]) -> CollectArguments:
    parser = _parser("gc", "Remove the content that nothing pinned needs.", _GC)
    found = parser.parse_args(argv)
    return CollectArguments(path=found.path, api=found.ipfs_api, json=found.json, debug=found.debug)


_PARSE: dict[str, Callable[[Sequence[str]], ContentArguments]] = {
    "publish": _publish,
    "get": _get,
    "list": _list,
    "pin": _pin,
    "unpin": _unpin,
    "gc": _collect,
}
CONTENT_COMMANDS = tuple(_PARSE)
"""The words that begin such a command line."""


def _parser(word: str, description: str, epilog: str, *, fetches: bool = False) -> Parser:
    parser = Parser(f"mpi-actors {word}", description, epilog + _COMMON)
    add = parser.add_argument
    add(
        "-path", "--path", metavar="DIR", type=values.path, default=None,
        help="the peer's own directory (default: mpi-actors in the user's data directory)",
    )  # fmt: skip
    add(
        "-ipfs-api", "--ipfs-api", metavar="ADDR", type=values.ipfs_api, default=None,
        help="the IPFS daemon that this peer uses, such as /ip4/127.0.0.1/tcp/5001, or `embedded` to use "
        "none (default: the daemon of this machine if there is one, else embedded)",
    )  # fmt: skip
    if fetches:
        add(
            "-peer", "--peer", "-ipfs-peer", "--ipfs-peer", metavar="ADDR", type=values.peer,
            action="append", default=[],
            help="an IPFS node or peer that has the content; repeat the flag for several",
        )  # fmt: skip
    add("-json", "--json", action="store_true", help="print lines of JSON")
    add("-debug", "--debug", action="store_true", help="show on standard error what happens inside")
    return parser


def _add_store(parser: Parser, text: str) -> None:
    parser.add_argument(
        "-ipfs-store", "--ipfs-store", metavar="STORE", type=values.content, default=None, help=text
    )


def _with_targets(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    parser.add_argument(
        "targets", metavar="TARGET", nargs="+", type=values.name_or_content,
        help="an interpreter's name, or CID, CID/path, /ipfs/CID/path or ipfs://CID/path",
    )  # fmt: skip
    return parser.parse_args(argv)


def _below(store: ContentPath | None, text: str) -> ContentPath:
    """Return the path that a text names: below the store if there is one, unless the text has a CID."""
    if store is None or values.is_like_content(text):
        return values.content(text)
    names = text.strip("/").split("/")
    try:
        return ContentPath.parse("/".join([str(store), *names]))
    except UsageError as error:
        raise UsageError(f"{text!r} cannot be in {store}: {error}") from error
