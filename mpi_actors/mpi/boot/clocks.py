"""Looks at the clock that a new incarnation repeats: the rank's main thread gets what its engine records.

Only the program's own looks are recorded. Other threads, forked children, this library, and what in Python's
library waits with a timeout or runs an event loop, get the clocks as they are. But a clock that never goes
back does not do so on another host, or in another process, either: it begins where the recorded looks end.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...replay.choices import MONOTONIC, PERF_COUNTER, PROCESS_TIME, REALTIME, THREAD_TIME
from .imports import AfterImport
from .standins import StandIn, stand_in

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

Look = Callable[[int, Callable[[], int]], int]
"""Returns a clock's time in nanoseconds, given its number and a function that reads it."""

_CLOCKS = {
    "time": REALTIME,
    "monotonic": MONOTONIC,
    "perf_counter": PERF_COUNTER,
    "process_time": PROCESS_TIME,
    "thread_time": THREAD_TIME,
}
_IDENTIFIERS = {
    "CLOCK_REALTIME": REALTIME,
    "CLOCK_MONOTONIC": MONOTONIC,
    "CLOCK_PROCESS_CPUTIME_ID": PROCESS_TIME,
    "CLOCK_THREAD_CPUTIME_ID": THREAD_TIME,
}
"""What `time.clock_gettime` takes."""
_SECOND = 10**9
"""Nanoseconds in a second."""
_MICROSECOND = 1000
"""Nanoseconds in a microsecond."""
_WARNS_OF_UTCNOW = (3, 12)
"""The version of Python from which on `datetime.utcnow` is deprecated."""

_ENGINE = "mpi_actors.mpi.engine."
"""What the names of the engine's modules begin with; all of them are loaded before the program."""
WITH_REAL_CLOCKS = (
    "asyncio.base_events", "concurrent.futures._base", "multiprocessing.connection",
    "multiprocessing.managers", "multiprocessing.pool", "multiprocessing.queues",
    "multiprocessing.synchronize", "queue", "socketserver", "subprocess", "threading",
)  # fmt: skip
"""Modules of Python's library that look at a clock only to wait: how often they do is chance, and what they
return does not depend on the time that they saw, but on what came first."""


class Clocks:
    """Stands in for the functions of the module `time`.

    Args:
        look: records a look, or repeats one.
        last: returns what the last recorded look at the clock of a number saw, or None.
    """

    def __init__(self, look: Look, last: Callable[[int], int | None] = lambda _: None) -> None:
        self._look = look
        self._last = last
        self._thread = get_ident()
        """The thread whose looks are recorded; 0 in a forked child, where none are."""
        self._real = ModuleType("time", time.__doc__)
        self._real.__dict__.update(time.__dict__)
        self._replaced: dict[object, str] = {}
        """The names of the functions that stand in."""
        os.register_at_fork(after_in_child=self._on_fork)

    def _on_fork(self) -> None:
        self._thread = 0

    def replace(self, imports: AfterImport) -> None:
        """Put the functions in their places.

        Args:
            imports: acts on modules that the program imports later.
        """
        for name, number in _CLOCKS.items():
            read, plain = self._going_on(number, getattr(time, f"{name}_ns"), getattr(time, name))
            setattr(self._real, f"{name}_ns", read)
            setattr(self._real, name, plain)
            self._put(f"{name}_ns", self._nanoseconds(number, read))
            self._put(name, self._seconds(number, read, plain))
        self._replace_getters()
        self._replace_formats()
        for module in WITH_REAL_CLOCKS:
            imports.add(module, self.give_real)
        for name, loaded in tuple(sys.modules.items()):
            if name.startswith(_ENGINE):
                self.give_real(loaded)
        imports.add("datetime", self._replace_now)

    def give_real(self, module: ModuleType) -> None:
        """Give a module the real clocks."""
        for name, value in tuple(vars(module).items()):
            if value is time:
                setattr(module, name, self._real)
            elif type(value) is StandIn:
                setattr(module, name, getattr(self._real, self._replaced[value]))

    def _put(self, name: str, function: Callable[..., object]) -> None:
        self._replaced[stand_in(function, time, name)] = name

    def _going_on(
        self, number: int, read: Callable[[], int], plain: Callable[[], float]
    ) -> tuple[Callable[[], int], Callable[[], float]]:
        """Return the functions of a clock, in nanoseconds and in seconds, which go on where the looks end."""
        last = self._last(number)
        behind = 0 if last is None or number == REALTIME else last - read()
        if behind <= 0:
            return read, plain
        if number == THREAD_TIME:
            main = self._thread

            def of_main() -> int:
                return read() + behind if get_ident() == main else read()

            return of_main, lambda: of_main() / 1e9
        return lambda: read() + behind, lambda: (read() + behind) / 1e9

    def _nanoseconds(self, number: int, read: Callable[[], int]) -> Callable[[], int]:
        def now_ns() -> int:
            return self._look(number, read) if get_ident() == self._thread else read()

        return now_ns

    def _seconds(
        self, number: int, read: Callable[[], int], plain: Callable[[], float]
    ) -> Callable[[], float]:
        def now() -> float:
            # Python divides the same way
            return float(self._look(number, read)) / 1e9 if get_ident() == self._thread else plain()

        return now

    def _replace_getters(self) -> None:
        in_seconds, in_nanoseconds = time.clock_gettime, time.clock_gettime_ns
        names = {number: name for name, number in _CLOCKS.items()}
        ours = {
            getattr(time, identifier): getattr(time, f"{names[number]}_ns")
            for identifier, number in _IDENTIFIERS.items()
        }

        def clock_gettime_ns(clk_id: int, /) -> int:
            return ours[clk_id]() if clk_id in ours else in_nanoseconds(clk_id)

        def clock_gettime(clk_id: int, /) -> float:
            return float(ours[clk_id]()) / 1e9 if clk_id in ours else in_seconds(clk_id)

        self._put("clock_gettime_ns", clock_gettime_ns)
        self._put("clock_gettime", clock_gettime)

    def _replace_formats(self) -> None:
        """What takes the present time if it gets none."""
        read, strftime_of, asctime_of = time.time_ns, time.strftime, time.asctime
        local_of, utc_of, ctime_of = time.localtime, time.gmtime, time.ctime

        def localtime(seconds: float | None = None, /) -> time.struct_time:
            return local_of(read() // _SECOND if seconds is None else seconds)

        def gmtime(seconds: float | None = None, /) -> time.struct_time:
            return utc_of(read() // _SECOND if seconds is None else seconds)

        def ctime(seconds: float | None = None, /) -> str:
            return ctime_of(read() // _SECOND if seconds is None else seconds)

        def asctime(*given: Any) -> str:
            return asctime_of(*given or (localtime(),))

        def strftime(*given: Any) -> str:
            return strftime_of(*given, localtime()) if len(given) == 1 else strftime_of(*given)

        for function in (localtime, gmtime, ctime, asctime, strftime):
            self._put(function.__name__, function)

    def _replace_now(self, module: Any) -> None:
        """`datetime.now` and `utcnow`, in the dictionary of the type, since C code forbids it by assignment.

        `today` calls `time.time`.
        """
        import gc

        read = time.time_ns
        kind: type[datetime] = module.datetime
        methods = next(iter(gc.get_referents(kind.__dict__)), None)
        if type(methods) is not dict:
            return  # a Python that is not CPython

        def now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
            return cls.fromtimestamp(read() // _MICROSECOND / 1e6, tz)

        def utcnow(cls: type[datetime]) -> datetime:
            if sys.version_info >= _WARNS_OF_UTCNOW:
                _warn_of_utcnow()
            found = cls.fromtimestamp(read() // _MICROSECOND / 1e6, module.timezone.utc)
            return found.replace(tzinfo=None)

        for function in (now, utcnow):
            plain = methods[function.__name__]
            function.__qualname__ = f"datetime.{function.__name__}"
            function.__module__ = "datetime"
            function.__doc__ = plain.__doc__
            methods[function.__name__] = classmethod(function)
        if getattr(kind.now, "__func__", None) is not now:
            # the module was in use before: Python remembers what it found in the type
            import ctypes  # takes long to load

            ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def _warn_of_utcnow() -> None:
    from warnings import warn

    warn(
        "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use "
        "timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).",
        DeprecationWarning,
        stacklevel=3,
    )
