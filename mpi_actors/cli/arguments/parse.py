"""The whole command line, as frozen options: the console's, or those of the command that it names."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path

import attrs

from ..._version import __version__
from ...config import DEFAULT_KEEP, DEFAULT_LISTEN, DEFAULT_MAX_SIZE
from ...content.formats.path import ContentPath
from ...errors import UsageError
from ..text.duration import parse_duration
from ..text.size import format_size, parse_size
from . import values
from .chaos import ChaosArguments as ChaosArguments
from .chaos import parse_chaos
from .content import CONTENT_COMMANDS, ContentArguments, parse_content
from .run import RunArguments as RunArguments
from .run import add_common, parse_run
from .values import Parser, with_help

_COMMANDS = ("run", "chaos", "demo", "bench", *CONTENT_COMMANDS)
"""The commands besides the console."""
CONSOLE_COMMANDS = (
    "start", "jobs", "logs", "why", "kill", "peers", "connect", "tree", "add", "del", "help", "exit",
)  # fmt: skip
"""The commands that only the console has. They are written here because their modules take long to load."""

_CONSOLE_EPILOG = """\
commands besides the console (`mpi-actors COMMAND --help` explains each):
  run PROGRAM        run an mpi4py script or an interpreter on temporary peers, as mpiexec does
  chaos PROGRAM      run a program again and again while processes and peers are lost
  demo               show how a job survives the loss of a peer
  bench              measure latency and bandwidth
  publish DIR        put a directory into IPFS, and print its content identifier (CID)
  get CID TO         fetch a directory or a file from IPFS
  list [CID]         show the interpreters of this peer, or a directory in IPFS
  pin, unpin, gc     say what this peer keeps; remove the rest

examples:
  mpi-actors -ipfs-store example
      start a peer with the interpreters in the directory `example`, and a console; the
      console's command `help` lists its commands
  mpi-actors publish example
      put the same interpreters into IPFS; the last line names the store for other peers
  mpi-actors -ipfs-store Qm… --listen /ip4/192.0.2.7/tcp/4001
      start a peer in the pool of that store; it fetches interpreters when jobs need them
  printf 'start echo 2 hi\\nexit\\n' | mpi-actors -ipfs-store example -q
      give commands by a pipe; the exit code is 3 if a job failed, 2 if a command was wrong
  mpi-actors -ipfs-store example -peer /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…
      start a peer, and join the pool of the peer that printed this address

A flag may have one dash or two: -path and --path mean the same.
"""


_DEMO_EPILOG = """\
examples:
  mpi-actors demo
      show the story as it happens
  mpi-actors demo --json | tail -n 1
      print only the last line: both answers, and whether they are equal

exit codes: 0 if the two answers are equal, 1 if they differ, 3 if anything else failed
"""


@attrs.frozen(kw_only=True)
class ConsoleOptions:
    """`mpi-actors` with flags only."""

    store: ContentPath | Path | None = None
    """The pool's store: a path in IPFS, or a directory on this machine; None for no store."""
    api: str | None = None
    """The address of an IPFS daemon, or `embedded`; None for the daemon of this machine if there is one."""
    ipfs_peers: tuple[str, ...] = ()
    """Addresses of IPFS nodes or peers from which this peer fetches, besides the peers of its pool."""
    path: Path | None = None
    """The peer's own directory; None for the one in the user's data directory."""
    max_size: int = DEFAULT_MAX_SIZE
    """Bytes that the installed interpreters may take."""
    keep: float = DEFAULT_KEEP
    """Seconds after its last use when the peer removes an interpreter; infinity for never."""
    peers: tuple[str, ...] = ()
    """Addresses of peers to which this peer connects."""
    listen: tuple[str, ...] = DEFAULT_LISTEN
    """Addresses on which this peer listens."""
    mdns: bool = True
    """Find peers on the local network, and be found there."""
    slots: int | None = None
    """Ranks that this peer takes before the pool prefers other peers; None for its number of processors."""
    pool: str | None = None
    """The pool's name; None for a name made from the store's content."""
    events: Path | None = None
    """The file to which the daemon appends each event; None for no file."""
    quiet: bool = False
    """Show only what programs log, answers to commands, and failures."""
    debug: bool = False
    """Write records of what happens inside to standard error."""


@attrs.frozen
class DemoArguments:
    """`mpi-actors demo`."""

    json: bool = False
    """Print events as lines of JSON."""


@attrs.frozen
class BenchArguments:
    """`mpi-actors bench`, which parses its arguments itself."""

    args: tuple[str, ...]


Arguments = ConsoleOptions | RunArguments | ChaosArguments | DemoArguments | BenchArguments | ContentArguments


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """Return what a command line asks for. `--help` and `--version` print a text and raise SystemExit(0).

    Raises:
        UsageError: the command line cannot be used; the text is one line that says what to try next.
    """
    try:
        return _parse(argv)
    except UsageError as error:
        command = " ".join(["mpi-actors", *(word for word in argv[:1] if word in _COMMANDS)])
        raise UsageError(with_help(str(error), command)) from error


def _parse(argv: Sequence[str]) -> Arguments:
    match argv[:1]:
        case ["run"]:
            return parse_run(argv[1:])
        case ["chaos"]:
            return parse_chaos(argv[1:])
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
        "Start a peer of a pool that runs message-passing programs, with a console on it.",
        _CONSOLE_EPILOG,
    )
    add = parser.add_argument
    add("-version", "--version", action="version", version=f"mpi-actors {__version__}")
    add(
        "-ipfs-store", "--ipfs-store", metavar="STORE", type=values.store, default=None,
        help="the store: a directory that holds an interpreter (init.py and run.py) in each subdirectory, "
        "in IPFS (CID, CID/sub, /ipfs/CID or ipfs://CID) or on this machine",
    )  # fmt: skip
    add(
        "-ipfs-api", "--ipfs-api", metavar="ADDR", type=values.ipfs_api, default=None,
        help="the IPFS daemon that this peer uses, such as /ip4/127.0.0.1/tcp/5001, or `embedded` to use "
        "none (default: the daemon of this machine if there is one, else embedded)",
    )  # fmt: skip
    add(
        "-ipfs-peer", "--ipfs-peer", metavar="ADDR", type=values.peer, action="append", default=[],
        help="an IPFS node or peer from which this peer fetches, besides the peers of the pool; repeat the "
        "flag for several",
    )  # fmt: skip
    add(
        "-path", "--path", metavar="DIR", type=values.path, default=None,
        help="this peer's own directory: identity, installed interpreters, history "
        "(default: mpi-actors in the user's data directory)",
    )  # fmt: skip
    add(
        "-maxsize", "--maxsize", metavar="SIZE", type=parse_size, default=DEFAULT_MAX_SIZE,
        help="the room that all installed interpreters may take together, such as 500kB or 2GiB "
        f"(default: {format_size(DEFAULT_MAX_SIZE)})",
    )  # fmt: skip
    add(
        "-keep", "--keep", metavar="TIME", type=parse_duration, default=DEFAULT_KEEP,
        help="remove an interpreter that is not pinned and that no job has used for this time, such as 12h, "
        f"30d, 8w, or forever (default: {DEFAULT_KEEP / 86400:.0f}d)",
    )  # fmt: skip
    add(
        "-peer", "--peer", metavar="ADDR", type=values.peer, action="append", default=[],
        help="the address of a peer to which this peer connects, as the other console prints it; repeat the "
        "flag for several",
    )  # fmt: skip
    add(
        "-listen", "--listen", metavar="ADDR", type=values.listen, action="append", default=[],
        help="the address at which other peers reach this peer; repeat the flag for several (default: "
        f"{DEFAULT_LISTEN[0]}). Pools have no keys yet: everyone who reaches such an address can run "
        "programs here",
    )  # fmt: skip
    add(
        "-no-mdns", "--no-mdns", action="store_true",
        help="do not look for peers on the local network, and do not let them find this peer",
    )  # fmt: skip
    add(
        "-slots", "--slots", metavar="N", type=values.slots, default=None,
        help="ranks that this peer takes before the pool prefers other peers (default: its number of "
        "processors)",
    )  # fmt: skip
    add(
        "-pool", "--pool", metavar="NAME", type=values.pool, default=None,
        help="the pool's name: peers with equal names find each other (default: made from the store)",
    )  # fmt: skip
    add_common(add)
    add(
        "-q",
        "-quiet",
        "--quiet",
        action="store_true",
        help="show only what programs log, answers to commands, and failures",
    )
    return parser


def _console(argv: Sequence[str]) -> ConsoleOptions:
    parser = _console_parser()
    found, rest = parser.parse_known_args(argv)
    if rest:
        parser.error(_why_not(argv, rest[0]))
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


def _why_not(argv: Sequence[str], word: str) -> str:
    """Return what is wrong with a command line whose `word` the console does not know."""
    if word in CONSOLE_COMMANDS:
        return f"{word!r} is one of the console's commands: start a console, and type it there"
    meant = _as_run(argv)
    first = word if meant is None else meant.program
    if first in _COMMANDS:
        return f"{first!r} has to come first: mpi-actors {first}"
    text = f"there is no {'flag' if word.startswith('-') else 'command'} {word!r}"
    if meant is not None:
        return f"{text}; did you mean `mpi-actors run {shlex.join(argv)}`?"
    alike = [name for name in (*_COMMANDS, *CONSOLE_COMMANDS) if name[0] == word[:1]]
    close = difflib.get_close_matches(word, alike, n=1)
    if not close:
        return text
    return f"{text}; did you mean {close[0]!r}{'' if close[0] in _COMMANDS else ' at the console'}?"


def _as_run(argv: Sequence[str]) -> RunArguments | None:
    """Return what a command line would mean after `run`, if that is probably what the caller meant."""
    try:
        found = parse_run(argv)
    except UsageError:
        return None
    plain = RunArguments(program=found.program, args=found.args, events=found.events, debug=found.debug)
    if found != plain or "/" in found.program or found.program.endswith(".py"):
        return found
    return found if values.exists(Path(found.program)) else None


def _demo_parser() -> Parser:
    parser = Parser(
        "mpi-actors demo",
        "Show how a job survives the loss of a peer. The demo starts three peers on this machine, kills one\n"
        "in the middle of a job, and compares the answer with that of an undisturbed job.",
        _DEMO_EPILOG,
    )
    parser.add_argument(
        "-json", "--json", action="store_true", help="print events as lines of JSON instead of a story"
    )
    return parser
