"""How a receive ends: it gets the bytes of its message, and an error if they do not fit it."""

from __future__ import annotations

from ..constants import ERR_OTHER, ERR_TRUNCATE
from .schedule import kind_name
from .transfer import Receive


def hand_over(receive: Receive, source: int, tag: int, note: int, view: memoryview) -> None:
    """Complete a receive with a copy of a message's bytes; cut what does not fit (ERR_TRUNCATE)."""
    size = len(view)
    receive.source = source
    receive.tag = tag
    receive.count = size
    into = receive.into
    if into is None:
        receive.payload = bytearray(view)
    elif size == len(into):
        into[:] = view
    elif size < len(into):
        into[:size] = view
    else:
        into[:] = view[: len(into)]
        receive.count = len(into)
        receive.error = ERR_TRUNCATE
    if note != receive.note:
        judge(receive, note)
    receive.done = True
    if receive.on_done is not None:
        receive.on_done(receive)


def judge(receive: Receive, note: int) -> None:
    """Give the receive an error if the message is of another collective operation than the receive."""
    if note != receive.note:
        from ..errors.exception import Exception as MPIException

        receive.error = ERR_OTHER
        receive.exception = MPIException(
            ERR_OTHER,
            f"the ranks are in different collective operations: rank {receive.source} in "
            f"{kind_name(note)}, this rank in {kind_name(receive.note)}",
        )
