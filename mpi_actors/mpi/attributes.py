"""Attributes: values that a program caches with communicators, datatypes and windows, by key.

See MPI 4.1, section 7.7. Each object keeps a dict from keys to `Attribute`, which these functions change. The
predefined attributes of communicators are computed, not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from .constants import (
    ANY_SOURCE,
    APPNUM,
    ERR_KEYVAL,
    GREATEST_TAG,
    HOST,
    IO,
    KEYVAL_INVALID,
    LASTUSEDCODE,
    PROC_NULL,
    TAG_UB,
    UNIVERSE_SIZE,
    WTIME_IS_GLOBAL,
)
from .engine import engine
from .errhandler import code_of
from .errors.added import added
from .errors.exception import Exception as MPIException

if TYPE_CHECKING:
    Callback = Callable[[Any, int, Any], Any] | bool | None
    """Called with (object, key, value). True stands for a function that always copies the value, False and
    None for one that never does."""

    Attribute = tuple["Keyval", Any]
    """A value, with the meaning of its key: a program may free a key before the values that were set with
    it."""

    Attributes = dict[int, Attribute]


class Keyval:
    """What a key means. See `create_keyval` for the fields; `number` is the key itself."""

    __slots__ = ("copy_fn", "delete_fn", "kind", "nopython", "number")

    def __init__(
        self, number: int, kind: str, copy_fn: Callback, delete_fn: Callback, nopython: bool
    ) -> None:
        self.number = number
        self.kind = kind
        self.copy_fn = copy_fn
        self.delete_fn = delete_fn
        self.nopython = nopython


_keyvals: dict[int, Keyval] = {}
_numbers = count(1 << 10)  # above all predefined keys

_of_communicators: dict[int, Callable[[], object]] = {
    TAG_UB: lambda: GREATEST_TAG,
    HOST: lambda: PROC_NULL,
    IO: lambda: ANY_SOURCE,
    WTIME_IS_GLOBAL: lambda: False,
    UNIVERSE_SIZE: lambda: engine().size,
    APPNUM: lambda: 0,
    LASTUSEDCODE: lambda: added.last_used,
}


def create_keyval(
    kind: str,
    copy_fn: Callback = None,
    delete_fn: Callback = None,
    nopython: bool = False,
) -> int:
    """Make a key, and return it.

    Args:
        kind: of the objects that the key is for: "Comm", "Datatype" or "Win".
        copy_fn: called with (object, key, value) when a program duplicates the object. It returns the value
        of
            the duplicate, or NotImplemented for no value. True: the same value. None or False: no value.
        delete_fn: called with (object, key, value) when the value is deleted or replaced, or its object
        freed. nopython: values are integers, for callers that are not Python.

    Raises:
        TypeError: a callback is neither a bool nor callable.
    """
    for function in (copy_fn, delete_fn):
        if not (function is None or isinstance(function, bool) or callable(function)):
            raise TypeError(f"a callback is a callable or a bool, not {type(function).__name__}")
    number = next(_numbers)
    _keyvals[number] = Keyval(number, kind, copy_fn, delete_fn, bool(nopython))
    return number


def free_keyval(kind: str, keyval: int) -> int:
    """Free a key, and return KEYVAL_INVALID. Values that are set stay; nobody can set another one."""
    _known(kind, keyval)
    del _keyvals[keyval]
    return KEYVAL_INVALID


def get_attribute(kind: str, attributes: Attributes, keyval: int) -> Any:
    """Return the value for a key, None if it is not set. ERR_KEYVAL if there is no such key."""
    if kind == "Comm" and keyval in _of_communicators:
        return _of_communicators[keyval]()
    _known(kind, keyval)
    found = attributes.get(keyval)
    return None if found is None else found[1]


def set_attribute(target: object, kind: str, attributes: Attributes, keyval: int, value: Any) -> None:
    """Set the value for a key. An older value is deleted first."""
    key = _known(kind, keyval)
    if key.nopython:
        value = int(value)
    if keyval in attributes:
        delete_attribute(target, kind, attributes, keyval)
    attributes[keyval] = key, value


def delete_attribute(target: object, kind: str, attributes: Attributes, keyval: int) -> None:
    """Delete the value for a key, if there is one. An error of `delete_fn` becomes an MPI.Exception."""
    _known(kind, keyval)
    found = attributes.pop(keyval, None)
    if found is not None:
        _delete(target, found)


def copy_attributes(original: object, attributes: Attributes) -> Attributes:
    """Return the attributes that a duplicate of `original` gets.

    Raises:
        MPIException: a `copy_fn` failed.
    """
    copied: Attributes = {}
    for number, (key, value) in attributes.items():
        if not key.copy_fn:
            continue
        new = value
        if callable(key.copy_fn):
            try:
                new = key.copy_fn(original, number, value)
            except BaseException as error:  # any error of a callback becomes a code
                raise MPIException(code_of(error)) from error
            if new is NotImplemented:
                continue
        copied[number] = key, int(new) if key.nopython else new
    return copied


def delete_attributes(target: object, attributes: Attributes) -> None:
    """Delete all attributes of an object that is freed, the last one first.

    Raises:
        MPIException: a `delete_fn` failed. All attributes are deleted nevertheless; of several errors this is
            the first.
    """
    first: MPIException | None = None
    while attributes:
        _, found = attributes.popitem()
        try:
            _delete(target, found)
        except MPIException as error:
            first = first or error
    if first is not None:
        raise first


def _delete(target: object, attribute: Attribute) -> None:
    key, value = attribute
    if callable(key.delete_fn):
        try:
            key.delete_fn(target, key.number, value)
        except BaseException as error:  # any error of a callback becomes a code
            raise MPIException(code_of(error)) from error


def _known(kind: str, keyval: int) -> Keyval:
    key = _keyvals.get(keyval)
    if key is None or key.kind != kind:
        raise MPIException(ERR_KEYVAL, f"{keyval} is not a key for {kind} objects")
    return key
