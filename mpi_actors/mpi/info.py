"""Info objects: ordered maps from strings to strings, for hints and descriptions (MPI 4.1, chapter 10)."""

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
    """A handle to an info object, which is also a mapping from str to str. Keys keep the order of their
    setting."""

    __slots__ = ()
    _error = ERR_INFO
    _h: dict[str, str] | None

    @classmethod
    def Create(cls, items: Info | Mapping[str, str] | Iterable[tuple[str, str]] | None = None) -> Self:
        """Make an info object with these items."""
        info = cls.__new__(cls)
        info._h = {}
        if items is not None:
            info.update(items)
        return info

    @classmethod
    def Create_env(cls, args: Sequence[str] | None = None) -> Self:
        """Make an info object like INFO_ENV, for this process or for a command with the arguments `args`."""
        info = cls.__new__(cls)
        info._h = _environment([args] if isinstance(args, str) else args)
        return info

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self._h is None or self._is_predefined():
            return super().__reduce__()
        return type(self).Create, (self.items(),)

    def Free(self) -> None:
        """Free the object; this handle becomes null."""
        state = self._writable()
        forget(state)
        self._h = None

    def Dup(self) -> Self:
        """Make another object with the same items."""
        info = type(self).__new__(type(self))
        info._h = dict(self._require())
        return info

    def Get(self, key: str) -> str | None:
        """Return the value of a key, None if it is not set."""
        items: dict[str, str] = self._require()
        return items.get(_checked_key(key))

    def Set(self, key: str, value: str) -> None:
        """Set the value of a key. ERR_INFO_KEY or ERR_INFO_VALUE if the key or the value is too long.

        Raises:
            TypeError: the value is not a str.
        """
        items = self._writable()
        if len(_checked_key(key)) >= MAX_INFO_KEY:
            raise MPIException(ERR_INFO_KEY)
        if not isinstance(value, str):
            raise TypeError(f"info values are str, not {type(value).__name__}")
        if len(value) >= MAX_INFO_VAL:
            raise MPIException(ERR_INFO_VALUE)
        items[key] = value

    def Delete(self, key: str) -> None:
        """Remove a key. ERR_INFO_NOKEY if it is not set."""
        items = self._writable()
        if _checked_key(key) not in items:
            raise MPIException(ERR_INFO_NOKEY, repr(key))
        del items[key]

    def Get_nkeys(self) -> int:
        """Return how many keys are set."""
        return len(self._require())

    def Get_nthkey(self, n: int) -> str:
        """Return the nth key, counted from 0. ERR_ARG if there are fewer keys."""
        items: dict[str, str] = self._require()
        if not 0 <= n < len(items):
            raise MPIException(ERR_ARG, f"key {n} of {len(items)}")
        return list(items)[n]

    def _writable(self) -> dict[str, str]:
        items: dict[str, str] = self._require()
        if self._is_predefined():
            raise MPIException(ERR_INFO, f"{name_of(self) or 'INFO_ENV'} cannot be changed")
        return items

    # The mapping; INFO_NULL is an empty one

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
        """Return the value of a key, or `default`."""
        return self._h.get(key, default) if self._h is not None else default

    def keys(self) -> list[str]:
        """Return the keys, in order."""
        return list(self._h or ())

    def values(self) -> list[str]:
        """Return the values, in the order of their keys."""
        return list((self._h or {}).values())

    def items(self) -> list[tuple[str, str]]:
        """Return pairs of key and value, in order."""
        return list((self._h or {}).items())

    def update(self, items: Info | Mapping[str, str] | Iterable[tuple[str, str]] = (), **kwds: str) -> None:
        """Set many keys.

        Raises:
            KeyError: the handle is null.
        """
        if self._h is None:
            raise KeyError("null Info")
        if hasattr(items, "keys"):
            items = [(key, items[key]) for key in items.keys()]  # type: ignore[index]  # noqa: SIM118
        for key, value in items:
            self.Set(key, value)
        for key, value in kwds.items():
            self.Set(key, value)

    def pop(self, key: str, *default: str) -> str:
        """Remove a key and return its value, or `default` if it is not set.

        Raises:
            KeyError: the key is not set, and there is no default.
        """
        if self._h is not None and key in self._h:
            value = self._h[key]
            self.Delete(key)
            return value
        if not default:
            raise KeyError(key)
        (value,) = default
        return value

    def popitem(self) -> tuple[str, str]:
        """Remove the key that was set last, and return it with its value.

        Raises:
            KeyError: no key is set.
        """
        if not self._h:
            raise KeyError("no items")
        key = next(reversed(self._h))
        return key, self.pop(key)

    def copy(self) -> Self:
        """As `Dup`; for a null handle return another null handle."""
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
    """Return what INFO_ENV tells about the start of a process (MPI 4.1, section 11.2.1)."""
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
    with suppress(FileNotFoundError):  # somebody may have removed it
        known["wdir"] = os.getcwd()
    return {key: value for key, value in known.items() if value and len(value) < MAX_INFO_VAL}


def describe_process() -> None:
    """Fill INFO_ENV. This happens when the program imports MPI, since `sys.argv` is the program's only
    then."""
    _env_items.update(_environment(None))


Info._kind = Info
INFO_NULL = constant("INFO_NULL", Info())
_env_items: dict[str, str] = {}
INFO_ENV = constant("INFO_ENV", Info._to(_env_items))
