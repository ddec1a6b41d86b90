"""Info objects: ordered maps from strings to strings, as hints and as descriptions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from ..wire.environment import SIZE
from .constants import (
    ERR_ARG,
    ERR_INFO,
    ERR_INFO_KEY,
    ERR_INFO_NOKEY,
    ERR_INFO_VALUE,
    MAX_INFO_KEY,
    MAX_INFO_VAL,
)
from .errors.exception import Exception as MPIException
from .handle import Handle, constant, forget, name_of


class Info(Handle):
    """A handle to an info object; also a mapping from str to str. Keys keep the order they were set in."""

    __slots__ = ()
    _error = ERR_INFO
    _h: dict[str, str] | None

    @classmethod
    def Create(cls, items: Info | Mapping[str, str] | Iterable[tuple[str, str]] | None = None) -> Self:
        """A new info object with these items."""
        info = cls.__new__(cls)
        info._h = {}
        if items is not None:
            info.update(items)
        return info

    @classmethod
    def Create_env(cls, args: Sequence[str] | None = None) -> Self:
        """A new info object like INFO_ENV, of this process or of a command with `args`."""
        info = cls.__new__(cls)
        info._h = _environment([args] if isinstance(args, str) else args)
        return info

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self._h is None or self._is_predefined():
            return super().__reduce__()
        return type(self).Create, (self.items(),)

    def Free(self) -> None:
        """Forget the object; this handle becomes null."""
        state = self._writable()
        forget(state)
        self._h = None

    def Dup(self) -> Self:
        """A new object with the same items."""
        info = type(self).__new__(type(self))
        info._h = dict(self._require())
        return info

    def Get(self, key: str) -> str | None:
        """The value of a key, None if it is not set."""
        items: dict[str, str] = self._require()
        return items.get(_checked_key(key))

    def Set(self, key: str, value: str) -> None:
        """Set the value of a key."""
        items = self._writable()
        if len(_checked_key(key)) >= MAX_INFO_KEY:
            raise MPIException(ERR_INFO_KEY)
        if not isinstance(value, str):
            raise TypeError(f"info values are str, not {type(value).__name__}")
        if len(value) >= MAX_INFO_VAL:
            raise MPIException(ERR_INFO_VALUE)
        items[key] = value

    def Delete(self, key: str) -> None:
        """Remove a key; ERR_INFO_NOKEY if it is not set."""
        items = self._writable()
        if _checked_key(key) not in items:
            raise MPIException(ERR_INFO_NOKEY, repr(key))
        del items[key]

    def Get_nkeys(self) -> int:
        """How many keys are set."""
        return len(self._require())

    def Get_nthkey(self, n: int) -> str:
        """The nth key, counted from 0; ERR_ARG if there are fewer."""
        items: dict[str, str] = self._require()
        if not 0 <= n < len(items):
            raise MPIException(ERR_ARG, f"key {n} of {len(items)}")
        return list(items)[n]

    def _writable(self) -> dict[str, str]:
        items: dict[str, str] = self._require()
        if self._is_predefined():
            raise MPIException(ERR_INFO, f"{name_of(self) or 'INFO_ENV'} cannot be changed")
        return items

    # The mapping, where INFO_NULL is an empty one

    def __len__(self) -> int:
        return len(self._h) if self._h is not None else 0

    def __bool__(self) -> bool:
        return self._h is not None

    def __contains__(self, key: object) -> bool:
        return self._h is not None and key in self._h

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __getitem__(self, key: str) -> str:
        if self._h is None:
            raise KeyError(key)
        return self._h[key]

    def __setitem__(self, key: str, value: str) -> None:
        if self._h is None:
            raise KeyError(key)
        self.Set(key, value)

    def __delitem__(self, key: str) -> None:
        if self._h is None or key not in self._h:
            raise KeyError(key)
        self.Delete(key)

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value of a key, or `default`."""
        return self._h.get(key, default) if self._h is not None else default

    def keys(self) -> list[str]:
        """The keys, in order."""
        return list(self._h or ())

    def values(self) -> list[str]:
        """The values, in the order of their keys."""
        return list((self._h or {}).values())

    def items(self) -> list[tuple[str, str]]:
        """Pairs of key and value, in order."""
        return list((self._h or {}).items())

    def update(self, items: Info | Mapping[str, str] | Iterable[tuple[str, str]] = (), **kwds: str) -> None:
        """Set many keys. KeyError for a null handle."""
        if self._h is None:
            raise KeyError("null Info")
        if hasattr(items, "keys"):
            items = [(key, items[key]) for key in items.keys()]  # type: ignore[index]  # noqa: SIM118
        for key, value in items:
            self.Set(key, value)
        for key, value in kwds.items():
            self.Set(key, value)

    def pop(self, key: str, *default: str) -> str:
        """Remove a key and return its value, or `default`, or raise KeyError."""
        if self._h is not None and key in self._h:
            value = self._h[key]
            self.Delete(key)
            return value
        if not default:
            raise KeyError(key)
        (value,) = default
        return value

    def popitem(self) -> tuple[str, str]:
        """Remove the key that was set last; KeyError if there is none."""
        if not self._h:
            raise KeyError("no items")
        key = next(reversed(self._h))
        return key, self.pop(key)

    def copy(self) -> Self:
        """The same as `Dup`, for a null handle another null handle."""
        return self.Dup() if self._h is not None else type(self).__new__(type(self))

    def clear(self) -> None:
        """Remove all keys."""
        if self._h is not None:
            self._writable().clear()


def _checked_key(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"info keys are str, not {type(key).__name__}")
    if not key:
        raise MPIException(ERR_INFO_KEY, "empty key")
    return key


def _environment(args: Sequence[str] | None) -> dict[str, str]:
    """What the standard wants to be said about how a process was started (MPI 4.1, section 11.2.1)."""
    argv = list(sys.argv if args is None else args) or [sys.executable]
    host = os.uname()
    known = {
        "command": argv[0],
        "argv": " ".join(argv[1:]),
        "maxprocs": os.environ.get(SIZE, "1"),
        "arch": host.machine,
        "host": host.nodename,
        "thread_level": "MPI_THREAD_MULTIPLE",
    }
    with suppress(FileNotFoundError):  # if somebody has removed it
        known["wdir"] = os.getcwd()
    return {key: value for key, value in known.items() if value and len(value) < MAX_INFO_VAL}


def describe_process() -> None:
    """Fill INFO_ENV: when MPI is imported, as then `sys.argv` is that of the program."""
    assert INFO_ENV._h is not None
    INFO_ENV._h.update(_environment(None))


Info._kind = Info
INFO_NULL = constant("INFO_NULL", Info())
INFO_ENV = constant("INFO_ENV", Info._to({}))
