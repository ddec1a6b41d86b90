"""The command line of `mpi-actors chaos`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from ...errors import UsageError
from ..text.duration import parse_duration
from .run import ProgramFlags, RunArguments
from .values import Parser

if TYPE_CHECKING:
    from ...faults.plan import FaultPlan

MAX_SEED = 2**32 - 1
"""The largest seed: what fits into four bytes is short enough to be typed."""
_MOST_RUNS = 1_000_000
"""Runs that can be asked for: more than a month of the shortest."""
_USUAL_RUNS = 10
"""Runs when neither their number nor a time is given: a minute or so with a short program."""

_EPILOG = """\
PROGRAM is what `mpi-actors run` takes. It is run twice undisturbed; what both runs wrote alike is what each
run with faults must write, too. Then it is run with faults, and after each run the pool is made whole again.
Standard error is not compared: a rank that runs again writes it again. Standard input is empty.

A plan is a file, or text: parts with `;` between them, each a fault and when it comes.
  faults:  {forms}
  moments: {triggers}
Without a plan, each run has one to three faults at random. Peer 0 coordinates the job, so no fault at random
kills it. Ranks and peers are numbered from 0. Nothing needs rights on this machine: daemons cut and slow
their links themselves.

examples:
  mpi-actors chaos -n 4 --peers 3 script.py
      ten runs with faults at random
  mpi-actors chaos --minutes 10 --seed 7 -n 4 --peers 3 script.py --size 200
      new faults for ten minutes; seed 7 makes the same plans again
  mpi-actors chaos --runs 5 --faults 'kill 2 at 1.5s; cut 0-1 for 3s at line 20' -n 4 --peers 2 script.py
      the same two losses in each of five runs
  mpi-actors chaos --faults 'freeze peer 1 for 4s at random' --json -n 2 --peers 2 example/round_echo 50 0.02
      one JSON object a line: each fault, what followed, each result, and the sum

exit codes: 0 if all runs were right; 1 if one was wrong or hung; 2 if the command line cannot be used; 3 if
the program fails undisturbed, or some runs failed by name and none was wrong or hung; 128 + N after signal N
"""


@attrs.frozen(kw_only=True)
class ChaosArguments:
    """`mpi-actors chaos`."""

    program: RunArguments
    """What to run, and how."""
    plan: FaultPlan | None = None
    """The faults of each run; None for other faults at random in each."""
    seed: int | None = None
    """Decides what comes at random; None for a seed that is drawn and shown."""
    runs: int | None = None
    """How many runs with faults; None if only the time counts."""
    minutes: float | None = None
    """Minutes after which no further run begins; None for no such limit."""
    patience: float | None = None
    """Seconds after which a run counts as hung; None for a time that follows from the undisturbed runs."""
    json: bool = False
    """One JSON object a line in place of text."""


def parse_chaos(argv: Sequence[str]) -> ChaosArguments:
    """Return what the words after `mpi-actors chaos` ask for. `--help` prints and raises SystemExit(0).

    Raises:
        UsageError: the words cannot be used; the text is one line.
        BadFaultPlan: the plan cannot be read, or names a rank or peer that is not there.
    """
    # imported here: it takes long to load, and other commands do not need it
    from ...faults.text import FORMS, TRIGGERS, read_plan

    parser = Parser(
        "mpi-actors chaos",
        "Run a program again and again while processes and peers are lost, and compare what it writes.",
        _EPILOG.format(forms=", ".join(FORMS), triggers=", ".join(TRIGGERS)),
    )
    parser.usage = "mpi-actors chaos [OPTIONS] (PROGRAM | -m MODULE) [ARGS …]"
    add = ProgramFlags(parser)
    add(
        "-faults", "--faults", metavar="PLAN", default=None,
        help="what is lost, and when: a file, or text as below (default: other faults at random in each run)",
    )  # fmt: skip
    add(
        "-seed", "--seed", metavar="S", type=_seed, default=None,
        help="decides what comes at random (default: a new seed, which is shown)",
    )  # fmt: skip
    add(
        "-runs", "--runs", metavar="R", type=_runs, default=None,
        help=f"how many runs with faults (default: {_USUAL_RUNS}, or as many as fit into --minutes)",
    )  # fmt: skip
    add(
        "-minutes", "--minutes", metavar="M", type=_minutes, default=None,
        help="begin no further run after this time",
    )  # fmt: skip
    add(
        "-patience", "--patience", metavar="TIME", type=parse_duration, default=None,
        help="count a run as hung after this time, such as 90s (default: from half a minute on, ten times as "
        "long as it takes undisturbed, and the time of its faults)",
    )  # fmt: skip
    add("-json", "--json", action="store_true", help="print one JSON object a line in place of text")
    add.job()
    add("-debug", "--debug", action="store_true", help="show on standard error what the daemons say")
    found, program = add.parse(argv)
    plan = None
    if found.faults is not None:
        plan = read_plan(found.faults, found.seed or 0)
        if not plan.faults:
            raise UsageError(f"the plan {found.faults!r} has no fault; an example: `kill 1 at 1.5s`")
        plan.check(peers=program.peers, ranks=program.size)
    runs = found.runs
    if runs is None and found.minutes is None:
        runs = _USUAL_RUNS
    return ChaosArguments(
        program=program,
        plan=plan,
        seed=found.seed,
        runs=runs,
        minutes=found.minutes,
        patience=found.patience,
        json=found.json,
    )


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > MAX_SEED:
        raise UsageError(f"a seed is a number from 0 to {MAX_SEED}, not {text[:40]!r}")
    return int(text)


def _runs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= _MOST_RUNS:
        raise UsageError(f"the number of runs must be from 1 to {_MOST_RUNS}, not {text[:40]!r}")
    return int(text)


def _minutes(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) or float(text) == 0:
        raise UsageError(f"the minutes must be a number above 0, such as 10 or 0.5, not {text[:40]!r}")
    return float(text)
