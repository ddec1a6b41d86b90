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
Flags may have one dash or two. Exit codes: 0; 1 when it failed, with one line on standard error that says
why; 2 for what cannot be used; 130 after Ctrl-C.
"""

_PUBLISH = """\
examples:
  mpi-actors publish example
      added QmUNLLsP… example/echo/run.py
      …
      added QmXnnyuf… example
  mpi-actors -ipfs-store "$(mpi-actors publish -q example)"
      publish a store, and start a console on it

What is hidden is left out. The identifiers are those of `ipfs add -r`. With --json, each entry is a line with
`cid`, `path` and `size` in bytes, the directory itself last.
"""

_GET = """\
examples:
  mpi-actors get QmXnnyuf…/echo .
      the directory `echo`, here
  mpi-actors get -peer /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo… QmXnnyuf… store
      the whole store, as the directory `store`, from the peer that printed this address

When TO is an existing directory, what is fetched goes into it, under the last name of the path. What came
before an interruption need not come again. With --json: `cid`, `path`, `size` in bytes if it is known.
"""

_LIST = """\
examples:
  mpi-actors list
      the interpreters that are installed here or failed to be; also while a console runs there
  mpi-actors list QmXnnyuf…/echo
      what is in that directory
  mpi-actors list -ipfs-store QmXnnyuf…
      what is in that store

With --json, each is a line: of an interpreter `name`, `size`, `state`, `last_use` (seconds since 1970),
`pinned`, `in_use`, `detail`; of an entry of a directory `name`, `cid`, `kind`, `size`. Sizes are in bytes.
"""

_PIN = """\
examples:
  mpi-actors pin echo
      never remove the interpreter `echo` to make room, or since it was not used for long
  mpi-actors pin QmXnnyuf…
      fetch all of it, and keep it for others

With --json, each is a line with `name`, or with `cid` and `path`.
"""

_UNPIN = """\
examples:
  mpi-actors unpin echo
  mpi-actors unpin QmXnnyuf…
      it may be removed from now on; `gc` does so

With --json, each is a line with `name`, or with `cid` and `path`.
"""

_GC = """\
example:
  mpi-actors gc
      remove what was fetched or published, and is neither pinned nor part of an installed interpreter

Interpreters that were not used for long are removed by a running console, or at once by its own `gc`. With an
IPFS daemon, this is the daemon's own garbage collection, which also removes what other programs have not
pinned. With --json: one line with `interpreters`, `blocks` and `size` in bytes.
"""


@attrs.frozen(kw_only=True)
class ContentCommand:
    """What the commands have in common."""

    path: Path | None = None
    """The peer's directory; None for the user's data directory."""
    api: str | None = None
    """The address of an IPFS daemon, or `embedded`; None to look whether there is a daemon."""
    peers: tuple[str, ...] = ()
    """Addresses of nodes to fetch from."""
    json: bool = False
    """Print lines of JSON."""
    debug: bool = False


@attrs.frozen(kw_only=True)
class PublishArguments(ContentCommand):
    """`mpi-actors publish`."""

    directory: Path
    cid_version: int = 0
    quiet: bool = False
    """Print the root only."""


@attrs.frozen(kw_only=True)
class GetArguments(ContentCommand):
    """`mpi-actors get`."""

    content: ContentPath
    to: Path


@attrs.frozen(kw_only=True)
class ListArguments(ContentCommand):
    """`mpi-actors list`."""

    content: ContentPath | None = None
    """A directory in IPFS; None for the interpreters of this peer."""


@attrs.frozen(kw_only=True)
class PinArguments(ContentCommand):
    """`mpi-actors pin`."""

    targets: tuple[str | ContentPath, ...]
    """Interpreters by name, and content."""


@attrs.frozen(kw_only=True)
class UnpinArguments(ContentCommand):
    """`mpi-actors unpin`."""

    targets: tuple[str | ContentPath, ...]
    """Interpreters by name, and content."""


@attrs.frozen(kw_only=True)
class CollectArguments(ContentCommand):
    """`mpi-actors gc`."""


ContentArguments = (
    PublishArguments | GetArguments | ListArguments | PinArguments | UnpinArguments | CollectArguments
)


def parse_content(word: str, argv: Sequence[str]) -> ContentArguments:
    """What the command `word` is asked for. `--help` prints, and raises SystemExit(0).

    Raises:
        UsageError: it makes no sense; the text is one line.
    """
    return _PARSE[word](argv)


def _publish(argv: Sequence[str]) -> PublishArguments:
    parser = _parser("publish", "Put a directory into IPFS, pin it, and print its identifier last.", _PUBLISH)
    add = parser.add_argument
    add("directory", metavar="DIR", type=values.path, help="the directory")
    add(
        "-cid-version", "--cid-version", type=int, choices=(0, 1), default=0,
        help="0 for identifiers like Qm…, 1 for bafy… (default: 0)",
    )  # fmt: skip
    add("-q", "-quiet", "--quiet", action="store_true", help="print only the directory's identifier")
    found = parser.parse_args(argv)
    return PublishArguments(
        directory=found.directory, cid_version=found.cid_version, quiet=found.quiet, path=found.path,
        api=found.ipfs_api, json=found.json, debug=found.debug,
    )  # fmt: skip


def _get(argv: Sequence[str]) -> GetArguments:
    parser = _parser("get", "Fetch a directory or file from IPFS.", _GET, fetches=True)
    _add_store(parser, "a directory in IPFS: CONTENT is a path in it")
    parser.add_argument("content", metavar="CONTENT", help="CID, CID/path, /ipfs/CID/path or ipfs://CID/path")
    parser.add_argument("to", metavar="TO", type=values.path, help="where to put it")
    found = parser.parse_args(argv)
    return GetArguments(
        content=_below(found.ipfs_store, found.content), to=found.to, path=found.path, api=found.ipfs_api,
        peers=tuple(found.peer), json=found.json, debug=found.debug,
    )  # fmt: skip


def _list(argv: Sequence[str]) -> ListArguments:
    parser = _parser(
        "list", "Show this peer's interpreters, or what is in a directory in IPFS.", _LIST, fetches=True
    )
    _add_store(parser, "a directory in IPFS: show it, or CONTENT in it")
    add = parser.add_argument
    add("content", metavar="CONTENT", nargs="?", help="CID, CID/path, /ipfs/CID/path or ipfs://CID/path")
    found = parser.parse_args(argv)
    content = found.ipfs_store if found.content is None else _below(found.ipfs_store, found.content)
    return ListArguments(
        content=content, path=found.path, api=found.ipfs_api, peers=tuple(found.peer), json=found.json,
        debug=found.debug,
    )  # fmt: skip


def _pin(argv: Sequence[str]) -> PinArguments:
    parser = _parser("pin", "Keep interpreters, or content, whatever else goes.", _PIN, fetches=True)
    found = _with_targets(parser, argv)
    return PinArguments(
        targets=tuple(found.targets), path=found.path, api=found.ipfs_api, peers=tuple(found.peer),
        json=found.json, debug=found.debug,
    )  # fmt: skip


def _unpin(argv: Sequence[str]) -> UnpinArguments:
    found = _with_targets(_parser("unpin", "End what `pin` or `publish` began.", _UNPIN), argv)
    return UnpinArguments(
        targets=tuple(found.targets), path=found.path, api=found.ipfs_api, json=found.json, debug=found.debug
    )


def _collect(argv: Sequence[str]) -> CollectArguments:
    parser = _parser("gc", "Remove the content that nothing pinned needs, and say what was removed.", _GC)
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
        help="the IPFS daemon to use, such as /ip4/127.0.0.1/tcp/5001, or `embedded` to do without "
        "(default: the daemon of this machine if there is one, else embedded)",
    )  # fmt: skip
    if fetches:
        add(
            "-peer", "--peer", "-ipfs-peer", "--ipfs-peer", metavar="ADDR", type=values.peer,
            action="append", default=[],
            help="an IPFS node or peer that has it; may be given again",
        )  # fmt: skip
    add("-json", "--json", action="store_true", help="print lines of JSON")
    add("-debug", "--debug", action="store_true", help="say on standard error what goes on inside")
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
    """The path that a text is, or a path below the store, if there is one."""
    if store is None or values.is_like_content(text):
        return values.content(text)
    names = text.strip("/").split("/")
    try:
        return ContentPath.parse("/".join([str(store), *names]))
    except UsageError as error:
        raise UsageError(f"{text!r} cannot be in {store}: {error}") from error
