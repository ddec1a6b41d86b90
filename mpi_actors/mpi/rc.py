"""Options that a program sets before it imports MPI: `mpi4py.rc`."""

from __future__ import annotations

from typing import Any

_DEFAULTS: dict[str, Any] = {
    "initialize": True,
    "threads": True,
    "thread_level": "multiple",
    "finalize": None,
    "fast_reduce": True,
    "recv_mprobe": True,
    "irecv_bufsz": 32768,
    "errors": "exception",
}


class Rc:
    """Runtime options. A program sets attributes, or calls the object with keywords.

    Attributes:
        initialize: whether importing `MPI` initializes MPI (default True).
        threads: whether to ask for threads (True).
        thread_level: "single", "funneled", "serialized" or "multiple" ("multiple").
        finalize: whether the end of the program finalizes MPI; None: if importing initialized it (None).
        fast_reduce: without effect: reductions of objects always use trees (True).
        recv_mprobe: without effect: receives of objects always know the size (True).
        irecv_bufsz: without effect: `irecv` needs no buffer (32768).
        errors: the error handler that objects begin with: "exception", "default", "abort" or "fatal"
            ("exception").
    """

    initialize: bool
    threads: bool
    thread_level: str
    finalize: bool | None
    fast_reduce: bool
    recv_mprobe: bool
    irecv_bufsz: int
    errors: str

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(_DEFAULTS)
        self(**options)

    def __call__(self, **options: Any) -> None:
        """Set options.

        Raises:
            TypeError: an option does not exist.
        """
        for name in options:
            if name not in _DEFAULTS:
                raise TypeError(f"mpi4py.rc has no option {name!r}")
        self.__dict__.update(options)

    def __setattr__(self, name: str, value: Any) -> None:
        self(**{name: value})

    def __repr__(self) -> str:
        return f"<mpi4py.rc: {', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())}>"


rc = Rc()
"""The options of this process."""
