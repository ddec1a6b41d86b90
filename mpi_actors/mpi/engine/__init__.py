"""Point-to-point messages and schedules between the ranks of a job, over connected byte streams.

A call goes from `engine` through `outlet` (number, log) to a `lane`; there a message comes in through `inlet`
(check, compare, match) and completes a `transfer`. `progress` moves the bytes, `runs` the schedules.
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
    """This process's engine, made at the first call from what the launcher has put into the environment."""
    global _engine
    if _engine is None:
        with _making:
            if _engine is None:
                from .start import from_environment

                _engine = from_environment(os.environ)
    return _engine


def started() -> bool:
    """Has this process an engine yet?"""
    return _engine is not None
