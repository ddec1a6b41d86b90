"""The command line, as frozen options. Loads nothing heavy: usage errors and `--help` are instant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from ..._version import __version__
from ...config import DEFAULT_KEEP, DEFAULT_LISTEN, DEFAULT_MAX_SIZE
from ...content.formats.path import ContentPath
from ..text.duration import parse_duration
from ..text.size import format_size, parse_size
from . import values
from .content import CONTENT_COMMANDS, ContentArguments, parse_content
from .run import RunArguments as RunArguments
from .run import add_common, parse_run
from .values import Parser

_CONSOLE_EPILOG = """\
commands besides the console (`mpi-actors COMMAND --help` explains each):
  run PROGRAM        run an mpi4py script or an interpreter on peers made for it, as mpiexec does
  demo               see a job survive the loss of a peer
  bench              measure latency and bandwidth
  publish DIR        put a directory into IPFS, and print its identifier
  get CID TO         fetch a directory or file from IPFS
  list [CID]         the interpreters of this peer, or what is in a directory in IPFS
  pin, unpin, gc     what is to be kept; remove the rest

examples:
  mpi-actors -ipfs-store example
      a console with the interpreters in the directory `example`; `help` lists what it can do
  mpi-actors publish example
      the same interpreters in IPFS: the last line names the store for others
  mpi-actors -ipfs-store QmXnnyuf… --listen /ip4/192.0.2.7/tcp/4001
      a peer of the pool of that store, which fetches interpreters when jobs need them
  printf 'start echo 2 hi\\nexit\\n' | mpi-actors -ipfs-store example -q
      commands from a pipe; exit code 3 if a job failed, 2 if a command was wrong
  mpi-actors -ipfs-store example -peer /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…
      the same, and join the peer that printed this address

Flags may have one dash or two: -path and --path are the same, and so on.
"""


@attrs.frozen(kw_only=True)
class ConsoleOptions:
    """`mpi-actors` with flags only."""

    store: ContentPath | Path | None = None
    """In IPFS, or a directory here."""
    api: str | None = None
    """The address of an IPFS daemon, or `embedded`; None to look whether there is a daemon."""
    ipfs_peers: tuple[str, ...] = ()
    """Addresses of nodes to fetch from, besides the peers of the pool."""
    path: Path | None = None
    """None for the user's data directory."""
    max_size: int = DEFAULT_MAX_SIZE
    """Bytes."""
    keep: float = DEFAULT_KEEP
    """Seconds after its last use after which an interpreter is removed; infinity for never."""
    peers: tuple[str, ...] = ()
    listen: tuple[str, ...] = DEFAULT_LISTEN
    mdns: bool = True
    slots: int | None = None
    pool: str | None = None
    events: Path | None = None
    quiet: bool = False
    debug: bool = False


@attrs.frozen
class DemoArguments:
    """`mpi-actors demo`."""

    json: bool = False


@attrs.frozen
class BenchArguments:
    """`mpi-actors bench`, which reads its arguments itself."""

    args: tuple[str, ...]


Arguments = ConsoleOptions | RunArguments | DemoArguments | BenchArguments | ContentArguments


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """What a command line asks for. `--help` and `--version` print and raise SystemExit(0).

    Raises:
        UsageError: it makes no sense; the text is one line.
    """
    match argv[:1]:
        case ["run"]:
            return parse_run(argv[1:])
        case ["demo"]:
            return DemoArguments(json=_demo_parser().parse_args(argv[1:]).json)
        case ["bench"]:
            return BenchArguments(tuple(argv[1:]))
        case [word] if word in CONTENT_COMMANDS:
            return parse_content(word, argv[1:])
        case _:
            return _console(argv)


def _console_parser() -> Parser:
    parser = Parser(
        "mpi-actors",
        "A peer of a pool that runs message-passing programs, with a console on it.",
        _CONSOLE_EPILOG,
    )
    add = parser.add_argument
    add("-version", "--version", action="version", version=f"mpi-actors {__version__}")
    add(
        "-ipfs-store", "--ipfs-store", metavar="STORE", type=values.store, default=None,
        help="the store, with an interpreter (init.py and run.py) in each subdirectory: in IPFS (CID, "
        "CID/sub, /ipfs/CID or ipfs://CID), or a directory here",
    )  # fmt: skip
    add(
        "-ipfs-api", "--ipfs-api", metavar="ADDR", type=values.ipfs_api, default=None,
        help="the IPFS daemon to use, such as /ip4/127.0.0.1/tcp/5001, or `embedded` to do without "
        "(default: the daemon of this machine if there is one, else embedded)",
    )  # fmt: skip
    add(
        "-ipfs-peer", "--ipfs-peer", metavar="ADDR", type=values.peer, action="append", default=[],
        help="an IPFS node or peer to fetch from, besides the peers of the pool; may be given again",
    )  # fmt: skip
    add(
        "-path", "--path", metavar="DIR", type=values.path, default=None,
        help="this peer's own directory: identity, installed interpreters, history "
        "(default: mpi-actors in the user's data directory)",
    )  # fmt: skip
    add(
        "-maxsize", "--maxsize", metavar="SIZE", type=parse_size, default=DEFAULT_MAX_SIZE,
        help="how much the installed interpreters may take in all, such as 500kB or 2GiB "
        f"(default: {format_size(DEFAULT_MAX_SIZE)})",
    )  # fmt: skip
    add(
        "-keep", "--keep", metavar="TIME", type=parse_duration, default=DEFAULT_KEEP,
        help="remove interpreters that were not used for so long and are not pinned, such as 12h, 30d, 8w, "
        f"or forever (default: {DEFAULT_KEEP / 86400:.0f}d)",
    )  # fmt: skip
    add(
        "-peer", "--peer", metavar="ADDR", type=values.peer, action="append", default=[],
        help="a peer to connect to, as its console prints it; may be given again",
    )  # fmt: skip
    add(
        "-listen", "--listen", metavar="ADDR", type=values.listen, action="append", default=[],
        help=f"where others can reach this peer; may be given again (default: {DEFAULT_LISTEN[0]}). Until "
        "pools have keys, whoever reaches such an address can run programs here",
    )  # fmt: skip
    add(
        "-no-mdns", "--no-mdns", action="store_true",
        help="do not look for peers, nor be found, on the local network",
    )  # fmt: skip
    add(
        "-slots", "--slots", metavar="N", type=values.slots, default=None,
        help="ranks that this peer takes before others are preferred (default: its processors)",
    )  # fmt: skip
    add(
        "-pool", "--pool", metavar="NAME", type=values.pool, default=None,
        help="the pool's name, by which peers find together (default: made from the store's content)",
    )  # fmt: skip
    add_common(add)
    add("-q", "-quiet", "--quiet", action="store_true", help="show only what programs log, and failures")
    return parser


def _console(argv: Sequence[str]) -> ConsoleOptions:
    parser = _console_parser()
    found, rest = parser.parse_known_args(argv)
    if rest:
        word = rest[0]
        if word in ("run", "demo", "bench", *CONTENT_COMMANDS):
            parser.error(f"{word!r} has to come first: mpi-actors {word}")
        kind = "there is no flag" if word.startswith("-") else "there is no command"
        parser.error(f"{kind} {word!r}")
    return ConsoleOptions(
        store=found.ipfs_store,
        api=found.ipfs_api,
        ipfs_peers=tuple(found.ipfs_peer),
        path=found.path,
        max_size=found.maxsize,
        keep=found.keep,
        peers=tuple(found.peer),
        listen=tuple(found.listen) or DEFAULT_LISTEN,
        mdns=not found.no_mdns,
        slots=found.slots,
        pool=found.pool,
        events=found.events,
        quiet=found.quiet,
        debug=found.debug,
    )


def _demo_parser() -> Parser:
    parser = Parser("mpi-actors demo", "See a job survive the loss of a peer, on this machine.")
    parser.add_argument("-json", "--json", action="store_true", help="tell it as lines of JSON")
    return parser
