"""MPI.Pickle and MPI.pickle: how Python objects become messages; a program may put its own in their place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pickle import HIGHEST_PROTOCOL, PickleBuffer
from pickle import dumps as plain_dumps
from pickle import loads as plain_loads
from typing import TYPE_CHECKING, Any

from .outofband import MAGIC, unframe

if TYPE_CHECKING:
    from ..datatypes.buffer import buffer

OUT_OF_BAND_PROTOCOL = 5
DEFAULT_PROTOCOL = int(os.environ.get("MPI4PY_PICKLE_PROTOCOL", HIGHEST_PROTOCOL))
DEFAULT_THRESHOLD = int(os.environ.get("MPI4PY_PICKLE_THRESHOLD", 1 << 18))


class Pickle:
    """Makes bytes of objects and objects of bytes.

    Args:
        dumps: (object, protocol) -> bytes, or (object) -> bytes if no protocol is given; default: pickle's.
        loads: bytes-like -> object; default: pickle's.
        protocol: of pickle, passed to dumps; None: the highest for pickle's dumps, none for another's.
        threshold: bytes from which on `dumps_oob` leaves a buffer out of the pickle.
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
        """The object as bytes."""
        return self._dumps(obj) if self._protocol is None else self._dumps(obj, self._protocol)

    def loads(self, data: Any) -> Any:
        """The object that bytes stand for, whether `dumps` made them or they came as a message."""
        if bytes(data[: len(MAGIC)]) == MAGIC:
            head, buffers = unframe(bytes(data))
            return plain_loads(head, buffers=buffers)
        return self._loads(data)

    def dumps_oob(self, obj: Any) -> tuple[bytes, list[buffer]]:
        """The object as a pickle and those of its buffers that are at least `THRESHOLD` bytes long."""
        from ..datatypes.buffer import buffer

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
        """The object of what `dumps_oob` gave."""
        return self._loads(data, buffers=buffers)

    @property
    def PROTOCOL(self) -> int | None:
        """The protocol that dumps is called with; None: it is called without."""
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
        """From how many bytes on `dumps_oob` leaves a buffer out of the pickle."""
        return self._threshold

    @THRESHOLD.setter
    def THRESHOLD(self, threshold: int | None) -> None:
        self._threshold = DEFAULT_THRESHOLD if threshold is None else threshold


pickle = Pickle()
"""What all communication of objects uses."""
