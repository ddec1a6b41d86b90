"""Imports many modules at once, in less time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import modules in this block without garbage collection: nearly all that modules make stays.

    Measured: this saves 0.25 s of the 2.1 s that libp2p and all else take. Later collections leave out what
    was loaded here, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
