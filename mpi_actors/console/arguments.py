"""The command line, as frozen options. Loads nothing heavy: usage errors and `--help` are instant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import attrs

from .._version import __version__
from ..content.path import ContentPath
from ..errors import UsageError
from ..ledger import RestartPolicy
from ..store.duration import parse_duration
from ..store.size import parse_size
from . import values
from .arguments_content import CONTENT_COMMANDS, ContentArguments, parse_content
from .values import Parser

DEFAULT_MAX_SIZE = "10MB"
DEFAULT_LISTEN = "/ip4/127.0.0.1/tcp/0"
DEFAULT_KEEP = "30d"

_CONSOLE_EPILOG = """\
commands besides the console (`mpi-actors COMMAND --help` explains each):
  run PROGRAM        run one program on peers made for it, and end with its exit code
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

_RUN_EPILOG = """\
examples:
  mpi-actors run -n 4 -ipfs-store example pi 1000000
  mpi-actors run -n 2 --peers 2 --events events.jsonl -ipfs-store example echo -v hello

What follows PROGRAM is the program's, dashes included.
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
    max_size: int = 10_000_000
    """Bytes."""
    keep: float = 30 * 86400.0
    """Seconds after its last use after which an interpreter is removed; infinity for never."""
    peers: tuple[str, ...] = ()
    listen: tuple[str, ...] = (DEFAULT_LISTEN,)
    mdns: bool = True
    slots: int | None = None
    pool: str | None = None
    events: Path | None = None
    quiet: bool = False
    debug: bool = False


@attrs.frozen(kw_only=True)
class RunArguments:
    """`mpi-actors run`; the fields of `launch.RunOptions`."""

    program: str
    args: tuple[str, ...]
    size: int
    peers: int
    restart: RestartPolicy | None
    events: Path | None
    store: Path | None
    debug: bool


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
            return _run(argv[1:])
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
        help="how much the installed interpreters may take in all, such as 500kB or 2GiB (default: 10MB)",
    )  # fmt: skip
    add(
        "-keep", "--keep", metavar="TIME", type=parse_duration, default=DEFAULT_KEEP,
        help="remove interpreters that were not used for so long and are not pinned, such as 12h, 30d, 8w, "
        f"or forever (default: {DEFAULT_KEEP})",
    )  # fmt: skip
    add(
        "-peer", "--peer", metavar="ADDR", type=values.peer, action="append", default=[],
        help="a peer to connect to, as its console prints it; may be given again",
    )  # fmt: skip
    add(
        "-listen", "--listen", metavar="ADDR", type=values.listen, action="append", default=[],
        help=f"where others can reach this peer; may be given again (default: {DEFAULT_LISTEN}). Until pools "
        "have keys, whoever reaches such an address can run programs here",
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
    _add_common(parser)
    add("-q", "-quiet", "--quiet", action="store_true", help="show only what programs log, and failures")
    return parser


def _add_common(parser: Parser) -> None:
    parser.add_argument(
        "-events", "--events", metavar="FILE", type=values.path, default=None,
        help="append each event to this file, as a line of JSON",
    )  # fmt: skip
    parser.add_argument(
        "-debug", "--debug", action="store_true", help="say on standard error what goes on inside"
    )


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
        listen=tuple(found.listen) or (DEFAULT_LISTEN,),
        mdns=not found.no_mdns,
        slots=found.slots,
        pool=found.pool,
        events=found.events,
        quiet=found.quiet,
        debug=found.debug,
    )


def _run(argv: Sequence[str]) -> RunArguments:
    parser = Parser(
        "mpi-actors run", "Run one program on peers made for it, and end with its exit code.", _RUN_EPILOG
    )
    add = parser.add_argument
    add("-n", metavar="N", dest="size", type=values.ranks, default=1, help="ranks (default: 1)")
    add(
        "-peers", "--peers", metavar="K", type=values.peers, default=1,
        help="peers to run them on, all on this machine (default: 1)",
    )  # fmt: skip
    add(
        "-restart", "--restart", choices=("lost", "failed"), default=None,
        help="which ranks are started again: those whose process or peer was lost, or also those that failed "
        "by themselves (default: failed for an interpreter, lost for a script)",
    )  # fmt: skip
    add(
        "-ipfs-store", "--ipfs-store", metavar="DIR", type=_directory, default=None,
        help="the directory that holds the interpreter PROGRAM",
    )  # fmt: skip
    _add_common(parser)
    add("program", metavar="PROGRAM", help="an interpreter's directory, or its name in the store")
    rest = add("args", metavar="ARGS", nargs=argparse.REMAINDER, help="the program's own arguments")
    rest.required = False  # argparse would name it when only PROGRAM is missing
    found = parser.parse_args(argv)
    return RunArguments(
        program=found.program,
        args=tuple(found.args),
        size=found.size,
        peers=found.peers,
        restart=found.restart,
        events=found.events,
        store=found.ipfs_store,
        debug=found.debug,
    )


def _demo_parser() -> Parser:
    parser = Parser("mpi-actors demo", "See a job survive the loss of a peer, on this machine.")
    parser.add_argument("-json", "--json", action="store_true", help="tell it as lines of JSON")
    return parser


def _directory(text: str) -> Path:
    """A store for `run`."""
    place = values.store(text)
    if isinstance(place, ContentPath):
        raise UsageError(
            f"`run` takes directories only: fetch it first with `mpi-actors get {text} DIR`, or start a "
            f"console with -ipfs-store {text}"
        )
    return place
