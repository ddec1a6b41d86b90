"""The command line of `mpi-actors run`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import attrs

from ...config import ReplayOptions, RestartPolicy
from ...content.formats.path import ContentPath
from ...errors import UsageError
from . import values
from .values import Parser

_RUN_EPILOG = """\
PROGRAM is a Python script that uses mpi4py (mpi4py need not be installed), or the directory of an
interpreter (init.py and run.py), or with -ipfs-store the name of an interpreter. The program gets all words
after PROGRAM or MODULE, also those with dashes.

examples:
  mpi-actors run -n 4 script.py --size 200
      run four ranks of an mpi4py program, in this directory, with this environment
  mpi-actors run -n 4 --peers 2 --prefix -m package.module args
      run a module on two peers, and begin each line of output with its rank
  mpi-actors run -n 4 example/pi 1000000
      run the interpreter in the directory `example/pi`
  mpi-actors run -n 2 --peers 2 --events events.jsonl -ipfs-store example echo -v hello
      run the interpreter `echo` of the store `example`, and write all events to a file

mpi4py programs: rank 0 reads standard input, and `run` writes what the ranks write, by whole lines. When a
rank fails, `run` shows its traceback, kills the other ranks and exits with the rank's exit code (128 + N
after signal N). When a rank's process is killed by kill -9, or its peer is lost, `run` starts the rank again,
and the rank catches up.

Ctrl-C ends everything. Ctrl-\\ (SIGQUIT) shows what each rank does or waits for, and ends nothing.

exit codes: the program's; 2 if the command line cannot be used; 3 if the job failed for another reason;
128 + N after signal N
"""


@attrs.frozen(kw_only=True)
class RunArguments:
    """`mpi-actors run`: what a person wants to run."""

    program: str
    """An interpreter's directory, or its name in `store`; or an mpi4py script; or a module's name."""
    module: bool = False
    """Whether `program` is a module's name."""
    args: tuple[str, ...] = ()
    """The program's own arguments."""
    size: int = 1
    """The number of ranks."""
    peers: int = 1
    """The number of daemons."""
    restart: RestartPolicy | None = None
    """None for the usual policy: `lost` for programs that use mpi4py, `failed` for others."""
    replay: ReplayOptions = attrs.field(factory=ReplayOptions)
    """What makes a rank that is started again do the same once more."""
    prefix: bool = False
    """Begin each line of output with the rank that wrote it."""
    events: Path | None = None
    """A file to which `run` appends each event as a line of JSON."""
    store: Path | None = None
    """A directory of interpreters."""
    debug: bool = False
    """Repeat on standard error what the daemons write to theirs."""


def parse_run(argv: Sequence[str]) -> RunArguments:
    """Return what the words after `mpi-actors run` ask for. `--help` prints and raises SystemExit(0).

    Raises:
        UsageError: the words cannot be used; the text is one line.
    """
    parser = Parser(
        "mpi-actors run", "Run one program on temporary peers, and exit with its exit code.", _RUN_EPILOG
    )
    parser.usage = "mpi-actors run [OPTIONS] (PROGRAM | -m MODULE) [ARGS …]"
    add = ProgramFlags(parser)
    add.job()
    add("-prefix", "--prefix", action="store_true", help="begin each line with the rank that wrote it")
    add_common(add)
    found, program = add.parse(argv)
    return attrs.evolve(program, prefix=found.prefix, events=found.events)


class ProgramFlags:
    """The flags of a command that runs a program, which are added by calls, and the words that name it.

    Args:
        parser: the parser of the command.
    """

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._with_value: set[str] = set()

    def __call__(self, *names: str, **settings: Any) -> None:
        """Add a flag, as `add_argument` does."""
        action = self._parser.add_argument(*names, **settings)
        if action.nargs != 0:
            self._with_value.update(action.option_strings)

    def job(self) -> None:
        """Add the flags that say how a job is run."""
        self(
            "-n", "-np", metavar="N", dest="size", type=values.ranks, default=1,
            help="the number of ranks (default: 1)",
        )  # fmt: skip
        self(
            "-peers", "--peers", metavar="K", type=values.peers, default=1,
            help="the number of peers that host the ranks, all on this machine (default: 1)",
        )  # fmt: skip
        self(
            "-restart", "--restart", choices=("lost", "failed"), default=None,
            help="which ranks are started again. lost: those whose process was killed or whose peer was "
            "lost; failed: also those that failed by themselves (default: lost for mpi4py programs, else "
            "failed)",
        )  # fmt: skip
        self(
            "-no-replay", "--no-replay", action="store_true",
            help="log, compare and record nothing: somewhat faster, but the job fails when a rank is lost",
        )  # fmt: skip
        self(
            "-real-entropy", "--real-entropy", action="store_true",
            help="take random numbers without a seed from the system, and not from the job's secret: the job "
            "fails with ReplayDivergence when a rank is lost that has sent or written such a number",
        )  # fmt: skip
        self(
            "-output-may-differ", "--output-may-differ", action="store_true",
            help="only warn when a rank that is started again writes other lines than before",
        )  # fmt: skip
        self(
            "-ipfs-store", "--ipfs-store", metavar="DIR", type=_directory, default=None,
            help="the directory that holds the interpreter PROGRAM",
        )  # fmt: skip

    def parse(self, argv: Sequence[str]) -> tuple[Namespace, RunArguments]:
        """Return the flags, and the program with all that is said of its job.

        Raises:
            UsageError: the words cannot be used.
        """
        # argparse sees these only for --help: `_split` cuts them off
        self(
            "-m",
            metavar="MODULE",
            help="run a module in place of PROGRAM, as python -m does; the options end here",
        )
        self(
            "program", metavar="PROGRAM", nargs="?", help="a script, an interpreter's directory, or its name"
        )
        self("args", metavar="ARGS", nargs="*", help="the program's own arguments")
        options, module, rest = _split(argv, self._with_value)
        found = self._parser.parse_args(options)
        if not rest:
            self._parser.error("the following arguments are required: " + ("MODULE" if module else "PROGRAM"))
        return found, RunArguments(
            program=rest[0],
            module=module,
            args=tuple(rest[1:]),
            size=found.size,
            peers=found.peers,
            restart=found.restart,
            replay=ReplayOptions(
                replay=not found.no_replay,
                real_entropy=found.real_entropy,
                output_may_differ=found.output_may_differ,
            ),
            store=found.ipfs_store,
            debug=found.debug,
        )


def _split(argv: Sequence[str], with_value: Container[str]) -> tuple[list[str], bool, list[str]]:
    """Split a command line into options, whether a module follows, and the program with its arguments.

    argparse would look for options, and for `--`, among the program's arguments too.
    """
    words = list(argv)
    at = 0
    while at < len(words):
        word = words[at]
        if word.startswith("-m"):
            return words[:at], True, [word[2:], *words[at + 1 :]] if word != "-m" else words[at + 1 :]
        if word == "--":
            return words[:at], False, words[at + 1 :]
        if not word.startswith("-"):
            return words[:at], False, words[at:]
        at += 2 if word in with_value else 1
    return words, False, []


def _directory(text: str) -> Path:
    """Return a store that `run` can use."""
    place = values.store(text)
    if isinstance(place, ContentPath):
        raise UsageError(
            f"`run` needs a directory: fetch the store first with `mpi-actors get {text} DIR`, or start a "
            f"console with -ipfs-store {text}"
        )
    return place


def add_common(add: Callable[..., object]) -> None:
    """Add the flags that the console and `run` share."""
    add(
        "-events", "--events", metavar="FILE", type=values.path, default=None,
        help="append each event to this file, as a line of JSON",
    )  # fmt: skip
    add("-debug", "--debug", action="store_true", help="show on standard error what happens inside")
