"""What this rank does, in words, for the answer to `why JOB`."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine

_MOST_CHARACTERS = 30_000
"""Characters of a report: it has to fit into a message to the daemon."""
_OUR_FOLDERS = ("/mpi_actors/mpi/", "/mpi_actors/shim/")
"""Lines of a stack in these folders are left out: people look for their own program."""


def state_of(engine: Engine) -> str:
    """Return what each thread of the program waits for, since when, and its stack, innermost call last."""
    import traceback  # takes long to load, and few ranks are asked

    now = monotonic()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines: list[str] = []
    for ident, frame in sys._current_frames().items():
        if ident == engine.helper_thread:
            continue
        waiting = engine.waiting.get(ident)
        if waiting is not None:
            words, since = waiting
            lines.append(f"waits for {words()}, for {now - since:.1f} s")
        else:
            lines.append("computes")
        name = names.get(ident, "?")
        if name != "MainThread":
            lines[-1] = f"thread {name}: {lines[-1]}"
        lines += [
            f"    {entry.filename}:{entry.lineno} in {entry.name}: {entry.line}"
            for entry in traceback.extract_stack(frame)
            if not any(part in entry.filename for part in _OUR_FOLDERS)
            and not entry.filename.startswith("<frozen")
        ]
    sent = sum(partner.outlet.count for partner in engine.partners if partner is not None)
    lines.append(f"    has sent {sent} messages")
    unread = engine.matching.left()
    if unread:
        lines.append(f"    {unread} messages or receives wait for their other half")
    lines += [f"    {line}" for line in engine.choices.describe()]
    lanes = [partner for partner in engine.partners if partner is not None and partner.used]
    missing = [str(partner.rank) for partner in lanes if partner.stream is None or not partner.greeted]
    if missing:
        lines.append(f"    no connection yet to rank {', '.join(missing)}")
    return "\n".join(lines)[:_MOST_CHARACTERS]
