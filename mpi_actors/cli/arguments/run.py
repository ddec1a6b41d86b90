"""The command line of `mpi-actors run`, as frozen options."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import attrs

from ...config import RestartPolicy
from ...content.formats.path import ContentPath
from ...errors import UsageError
from . import values
from .values import Parser

_RUN_EPILOG = """\
PROGRAM is a Python script that uses mpi4py, which need not be installed; or the directory of an interpreter
(init.py and run.py); or with -ipfs-store the name of one. What follows PROGRAM or MODULE is the program's,
dashes included.

examples:
  mpi-actors run -n 4 script.py --size 200
      four ranks of an mpi4py program, in this directory, with this environment
  mpi-actors run -n 4 --peers 2 --prefix -m package.module args
      the same as a module, on two peers; each line begins with its rank
  mpi-actors run -n 4 example/pi 1000000
  mpi-actors run -n 2 --peers 2 --events events.jsonl -ipfs-store example echo -v hello
      interpreters

Of an mpi4py program: rank 0 reads standard input; what the ranks write comes out by whole lines. When a rank
fails, its traceback is shown, the others are killed, and its exit code is ours (128 + N after signal N). A
rank whose process is killed by kill -9, or whose peer is lost, is started again and catches up.

Ctrl-C ends everything. Ctrl-\\ (SIGQUIT) shows what each rank does or waits for, and ends nothing.

exit codes: the program's; 2 wrong usage; 3 the job failed for another reason; 128 + N after signal N
"""


@attrs.frozen(kw_only=True)
class RunArguments:
    """`mpi-actors run`; the fields of `launch.RunOptions`."""

    program: str
    module: bool
    args: tuple[str, ...]
    size: int
    peers: int
    restart: RestartPolicy | None
    prefix: bool
    events: Path | None
    store: Path | None
    debug: bool


def parse_run(argv: Sequence[str]) -> RunArguments:
    """What the words after `mpi-actors run` ask for. `--help` prints and raises SystemExit(0).

    Raises:
        UsageError: they make no sense; the text is one line.
    """
    parser = Parser(
        "mpi-actors run", "Run one program on peers made for it, and end with its exit code.", _RUN_EPILOG
    )
    parser.usage = "mpi-actors run [OPTIONS] (PROGRAM | -m MODULE) [ARGS …]"
    with_value: set[str] = set()

    def add(*names: str, **settings: Any) -> None:
        action = parser.add_argument(*names, **settings)
        if action.nargs != 0:
            with_value.update(action.option_strings)

    add("-n", "-np", metavar="N", dest="size", type=values.ranks, default=1, help="ranks (default: 1)")
    add(
        "-peers", "--peers", metavar="K", type=values.peers, default=1,
        help="peers to run them on, all on this machine (default: 1)",
    )  # fmt: skip
    add(
        "-restart", "--restart", choices=("lost", "failed"), default=None,
        help="which ranks are started again: those whose process or peer was lost, or also those that failed "
        "by themselves (default: lost for mpi4py programs, failed for others)",
    )  # fmt: skip
    add("-prefix", "--prefix", action="store_true", help="begin each line with the rank that wrote it")
    add(
        "-ipfs-store", "--ipfs-store", metavar="DIR", type=_directory, default=None,
        help="the directory that holds the interpreter PROGRAM",
    )  # fmt: skip
    add_common(add)
    # these two are for --help: the options end where they begin
    add("-m", metavar="MODULE", help="run a module in place of PROGRAM, as python -m does; ends the options")
    add("program", metavar="PROGRAM", nargs="?", help="a script, an interpreter's directory, or its name")
    add("args", metavar="ARGS", nargs="*", help="the program's own arguments")
    options, module, rest = _split(argv, with_value)
    found = parser.parse_args(options)
    if not rest:
        parser.error("the following arguments are required: " + ("MODULE" if module else "PROGRAM"))
    return RunArguments(
        program=rest[0],
        module=module,
        args=tuple(rest[1:]),
        size=found.size,
        peers=found.peers,
        restart=found.restart,
        prefix=found.prefix,
        events=found.events,
        store=found.ipfs_store,
        debug=found.debug,
    )


def _split(argv: Sequence[str], with_value: Container[str]) -> tuple[list[str], bool, list[str]]:
    """A command line as options; whether a module follows; and the program or module with its arguments.

    argparse would look for options, or for `--`, also among the program's arguments.
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
    """A store for `run`."""
    place = values.store(text)
    if isinstance(place, ContentPath):
        raise UsageError(
            f"`run` takes directories only: fetch it first with `mpi-actors get {text} DIR`, or start a "
            f"console with -ipfs-store {text}"
        )
    return place


def add_common(add: Callable[..., object]) -> None:
    """The flags that the console and `run` share."""
    add(
        "-events", "--events", metavar="FILE", type=values.path, default=None,
        help="append each event to this file, as a line of JSON",
    )  # fmt: skip
    add("-debug", "--debug", action="store_true", help="say on standard error what goes on inside")
