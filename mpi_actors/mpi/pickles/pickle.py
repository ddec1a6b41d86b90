"""`MPI.Pickle` and `MPI.pickle`: how Python objects become messages. A program may set its own functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pickle import HIGHEST_PROTOCOL, PickleBuffer
from pickle import dumps as plain_dumps
from pickle import loads as plain_loads
from typing import Any

from ..datatypes.buffer import buffer
from .outofband import MAGIC, unframe

OUT_OF_BAND_PROTOCOL = 5
"""The first protocol of pickle with out-of-band buffers (PEP 574)."""
DEFAULT_PROTOCOL = int(os.environ.get("MPI4PY_PICKLE_PROTOCOL", HIGHEST_PROTOCOL))
"""The protocol that `dumps` uses; mpi4py reads it from the same variable."""
DEFAULT_THRESHOLD = int(os.environ.get("MPI4PY_PICKLE_THRESHOLD", 1 << 18))
"""Bytes of the smallest buffer that `dumps_oob` leaves out; variable and default are mpi4py's."""


class Pickle:
    """Turns objects into bytes, and bytes into objects.

    Args:
        dumps: called as dumps(object, protocol), or dumps(object) if there is no protocol, returns bytes; by
            default that of the module `pickle`.
        loads: called with a bytes-like object, returns the object; by default that of the module `pickle`.
        protocol: the protocol of pickle that `dumps` is called with. None: `DEFAULT_PROTOCOL` for the default
            `dumps`, no protocol for another one.
        threshold: bytes of the smallest buffer that `dumps_oob` leaves out of the pickle; None: the default.

    Attributes:
        plain: whether everything is as in the module `pickle`, so that a faster way does the same.
    """

    __slots__ = ("_dumps", "_loads", "_protocol", "_threshold", "plain")

    def __init__(
        self,
        dumps: Callable[..., bytes] | None = None,
        loads: Callable[..., Any] | None = None,
        protocol: int | None = None,
        threshold: int | None = None,
    ) -> None:
        self._dumps = plain_dumps if dumps is None else dumps
        self._loads = plain_loads if loads is None else loads
        self.PROTOCOL = protocol
        self.THRESHOLD = threshold

    def dumps(self, obj: Any) -> bytes:
        """Return an object as bytes."""
        return self._dumps(obj) if self._protocol is None else self._dumps(obj, self._protocol)

    def loads(self, data: Any) -> Any:
        """Return the object of some bytes, which `dumps` made or which came as a message."""
        if bytes(data[: len(MAGIC)]) == MAGIC:
            head, buffers = unframe(bytes(data))
            return plain_loads(head, buffers=buffers)
        return self._loads(data)

    def dumps_oob(self, obj: Any) -> tuple[bytes, list[buffer]]:
        """Return an object as a pickle, and those of its buffers that have at least `THRESHOLD` bytes."""
        buffers: list[buffer] = []
        threshold = self._threshold

        def keep(item: PickleBuffer) -> bool:
            view = item.raw()
            if view.nbytes < threshold:
                return True
            buffers.append(buffer.frombuffer(view, readonly=view.readonly))
            return False

        protocol = max(OUT_OF_BAND_PROTOCOL, self._protocol or OUT_OF_BAND_PROTOCOL)
        return self._dumps(obj, protocol, buffer_callback=keep), buffers

    def loads_oob(self, data: Any, buffers: Iterable[Any]) -> Any:
        """Return the object of what `dumps_oob` returned."""
        return self._loads(data, buffers=buffers)

    @property
    def PROTOCOL(self) -> int | None:
        """The protocol that `dumps` is called with; None: it is called without one."""
        return self._protocol

    @PROTOCOL.setter
    def PROTOCOL(self, protocol: int | None) -> None:
        if protocol is None and self._dumps is plain_dumps:
            protocol = DEFAULT_PROTOCOL
        self._protocol = protocol
        default = self._dumps is plain_dumps and self._loads is plain_loads
        self.plain = default and protocol in (OUT_OF_BAND_PROTOCOL, -1)

    @property
    def THRESHOLD(self) -> int:
        """Bytes of the smallest buffer that `dumps_oob` leaves out of the pickle."""
        return self._threshold

    @THRESHOLD.setter
    def THRESHOLD(self, threshold: int | None) -> None:
        self._threshold = DEFAULT_THRESHOLD if threshold is None else threshold


pickle = Pickle()
"""What all communication of objects uses: `MPI.pickle`."""
