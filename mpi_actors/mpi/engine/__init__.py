"""The endpoint of a rank: messages and collective schedules between the ranks of a job, over byte streams.

A message goes from `engine` through the sender's `outlet` (number, log) into a `stream`, and out of the
receiver's stream through its `inlet` (check, compare, match) into a `transfer`. The package knows bytes,
world ranks and contexts; it may not know communicators, datatypes or requests. From the bottom up:

- `frames`: the format of what travels between two ranks;
- `transfer`: one send or receive, pending or finished;
- `schedule`: what one rank does in a collective operation, as rounds of steps;
- `marks`: what must be the same in a message that comes again;
- `delivery`: gives a receive the bytes of its message;
- `matching`: pairs posted receives with arrived messages;
- `wiring`: where lanes come from: the daemon's channel, or the launcher;
- `home`: protocols of what the parts below need of the engine;
- `stream`: one connected socket, with its write queue and its reader;
- `inlet`: what comes from one rank;
- `outlet`: what goes to one rank;
- `plain`: the same two, where no rank is run again: nothing is logged, digested or compared;
- `partner`: another rank: its incarnation, its stream, its inlet and outlet;
- `loopback`: messages of a rank to itself;
- `runs`: a schedule that is being run;
- `looks`: looks at clocks, recorded and repeated;
- `repeat`: repeats what earlier incarnations recorded;
- `choices`: outcomes that the program did not decide: records them, and tells what cannot be recorded;
- `reentry`: what finalizers and signal handlers of the program may do in the middle of a call;
- `progress`: the loop that moves the bytes, and the threads that wait;
- `completion`: waiting for transfers, and testing them;
- `giving_up`: ends of the process that are not the program's own end;
- `probing`: probes;
- `engine`: the calls that the rest of the library makes;
- `report`: what the threads of the program wait for, in words;
- `repeating`: whether a rank that was started again still repeats what it did before;
- `ending`: what a rank does when its program is over;
- `helper`: the thread that obeys the daemon and moves bytes while the program computes;
- `start`: makes an engine from the process's environment.
"""

from __future__ import annotations

import os
import threading

from .engine import Engine as Engine
from .matching import Envelope as Envelope
from .matching import Matched as Matched
from .schedule import Box as Box
from .schedule import Data as Data
from .schedule import Schedule as Schedule
from .transfer import ANY_SOURCE as ANY_SOURCE
from .transfer import ANY_TAG as ANY_TAG
from .transfer import BUFFERED as BUFFERED
from .transfer import READY as READY
from .transfer import STANDARD as STANDARD
from .transfer import SYNCHRONOUS as SYNCHRONOUS
from .transfer import Transfer as Transfer
from .transfer import done_transfer as done_transfer

_engine: Engine | None = None
_making = threading.Lock()


def engine() -> Engine:
    """Return this process's engine. The first call makes it, from the environment that the launcher set."""
    global _engine
    if _engine is None:
        with _making:
            if _engine is None:
                from .start import from_environment

                _engine = from_environment(os.environ)
    return _engine


def started() -> bool:
    """Return whether this process has an engine already."""
    return _engine is not None
