"""The command line, as frozen options. Loads nothing heavy: usage errors and `--help` are instant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import attrs

from .._version import __version__
from ..errors import UsageError
from ..ids import MAX_RANKS
from ..ledger import RestartPolicy
from ..net.addresses import parse, parse_listen
from ..store.size import parse_size

DEFAULT_MAX_SIZE = "10MB"
DEFAULT_LISTEN = "/ip4/127.0.0.1/tcp/0"

_CID = re.compile(r"(/ipfs/|ipfs://)?(Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{50,})/?")

_CONSOLE_EPILOG = """\
commands besides the console (`mpi-actors COMMAND --help` explains each):
  run PROGRAM        run one program on peers made for it, and end with its exit code
  demo               see a job survive the loss of a peer
  bench              measure latency and bandwidth

examples:
  mpi-actors -ipfs-store example
      a console with the interpreters in the directory `example`; `help` lists what it can do
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

    store: Path | None = None
    path: Path | None = None
    """None for the user's data directory."""
    max_size: int = 10_000_000
    """Bytes."""
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


Arguments = ConsoleOptions | RunArguments | DemoArguments | BenchArguments


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
        case _:
            return _console(argv)


class _Parser(argparse.ArgumentParser):
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
        raise UsageError(f"{' '.join(message.split())}. Try: {self.prog} --help")


def _console_parser() -> _Parser:
    parser = _Parser(
        "mpi-actors",
        "A peer of a pool that runs message-passing programs, with a console on it.",
        _CONSOLE_EPILOG,
    )
    add = parser.add_argument
    add("-version", "--version", action="version", version=f"mpi-actors {__version__}")
    add(
        "-ipfs-store", "--ipfs-store", metavar="DIR", type=_store, default=None,
        help="the store: a directory with an interpreter (init.py and run.py) in each subdirectory",
    )  # fmt: skip
    add(
        "-ipfs-api", "--ipfs-api", metavar="ADDR", type=_ipfs_api, default="embedded",
        help="address of an IPFS node, or `embedded`; in this release only directories can be stores, "
        "so this is checked and then not used",
    )  # fmt: skip
    add(
        "-path", "--path", metavar="DIR", type=_path, default=None,
        help="this peer's own directory: identity, installed interpreters, history "
        "(default: mpi-actors in the user's data directory)",
    )  # fmt: skip
    add(
        "-maxsize", "--maxsize", metavar="SIZE", type=parse_size, default=DEFAULT_MAX_SIZE,
        help="how much the installed interpreters may take in all, such as 500kB or 2GiB (default: 10MB)",
    )  # fmt: skip
    add(
        "-peer", "--peer", metavar="ADDR", type=_peer, action="append", default=[],
        help="a peer to connect to, as its console prints it; may be given again",
    )  # fmt: skip
    add(
        "-listen", "--listen", metavar="ADDR", type=_listen, action="append", default=[],
        help=f"where others can reach this peer; may be given again (default: {DEFAULT_LISTEN}). Until pools "
        "have keys, whoever reaches such an address can run programs here",
    )  # fmt: skip
    add(
        "-no-mdns", "--no-mdns", action="store_true",
        help="do not look for peers, nor be found, on the local network",
    )  # fmt: skip
    add(
        "-slots", "--slots", metavar="N", type=_slots, default=None,
        help="ranks that this peer takes before others are preferred (default: its processors)",
    )  # fmt: skip
    add(
        "-pool", "--pool", metavar="NAME", type=_pool, default=None,
        help="the pool's name, by which peers find together (default: made from the store's content)",
    )  # fmt: skip
    _add_common(parser)
    add("-q", "-quiet", "--quiet", action="store_true", help="show only what programs log, and failures")
    return parser


def _add_common(parser: _Parser) -> None:
    parser.add_argument(
        "-events", "--events", metavar="FILE", type=_path, default=None,
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
        if word in ("run", "demo", "bench"):
            parser.error(f"{word!r} has to come first: mpi-actors {word} …")
        kind = "there is no flag" if word.startswith("-") else "there is no command"
        parser.error(f"{kind} {word!r}")
    return ConsoleOptions(
        store=found.ipfs_store,
        path=found.path,
        max_size=found.maxsize,
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
    parser = _Parser(
        "mpi-actors run", "Run one program on peers made for it, and end with its exit code.", _RUN_EPILOG
    )
    add = parser.add_argument
    add("-n", metavar="N", dest="size", type=_ranks, default=1, help="ranks (default: 1)")
    add(
        "-peers", "--peers", metavar="K", type=_peers, default=1,
        help="peers to run them on, all on this machine (default: 1)",
    )  # fmt: skip
    add(
        "-restart", "--restart", choices=("lost", "failed"), default=None,
        help="which ranks are started again: those whose process or peer was lost, or also those that failed "
        "by themselves (default: failed for an interpreter, lost for a script)",
    )  # fmt: skip
    add(
        "-ipfs-store", "--ipfs-store", metavar="DIR", type=_store, default=None,
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


def _demo_parser() -> _Parser:
    parser = _Parser("mpi-actors demo", "See a job survive the loss of a peer, on this machine.")
    parser.add_argument("-json", "--json", action="store_true", help="tell it as lines of JSON")
    return parser


# --- values -----------------------------------------------------------------------------------------------


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is no path")
    return Path(text)


def _store(text: str) -> Path:
    path = _path(text)
    if _CID.fullmatch(text) and not path.exists():
        raise UsageError(
            f"{text} is an IPFS address: stores by address come with a later release. "
            "Name a directory that holds your interpreters."
        )
    return path


def _ipfs_api(text: str) -> str:
    if text != "embedded":
        parse(re.sub(r"/https?$", "", text))
    return text


def _peer(text: str) -> str:
    return str(parse(text))


def _listen(text: str) -> str:
    return str(parse_listen(text))


def _slots(text: str) -> int:
    return _number(text, "slots", 1_000_000)


def _ranks(text: str) -> int:
    return _number(text, "ranks", MAX_RANKS)


def _peers(text: str) -> int:
    return _number(text, "peers", 256)


def _number(text: str, what: str, most: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    if not 1 <= number <= most:
        raise UsageError(f"the number of {what} must be from 1 to {most}, not {text[:40]!r}")
    return number


def _pool(text: str) -> str:
    if not text or len(text) > 255 or not text.isprintable():
        raise UsageError("a pool's name has 1 to 255 printable characters")
    return text
