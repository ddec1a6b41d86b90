"""Predefined operations on Python objects, for `MPI.SUM(x, y)` and the lower-case reductions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

ObjectFunction = Callable[[Any, Any], Any]


def maximum(x: Any, y: Any) -> Any:
    """Return the greater; of equal ones the first."""
    return y if y > x else x


def minimum(x: Any, y: Any) -> Any:
    """Return the lesser; of equal ones the first."""
    return y if y < x else x


def logical_and(x: Any, y: Any) -> bool:
    """Return whether both are true."""
    return bool(x) and bool(y)


def logical_or(x: Any, y: Any) -> bool:
    """Return whether one or both are true."""
    return bool(x) or bool(y)


def logical_xor(x: Any, y: Any) -> bool:
    """Return whether exactly one is true."""
    return bool(x) is not bool(y)


def maximum_location(x: Any, y: Any) -> Any:
    """Return the pair (value, location) with the greater value; of equal values the lesser location."""
    (value, here), (other, there) = x, y
    if value > other:
        return value, here
    if other > value or there < here:
        return other, there
    return value, here


def minimum_location(x: Any, y: Any) -> Any:
    """Return the pair (value, location) with the lesser value; of equal values the lesser location."""
    (value, here), (other, there) = x, y
    if value < other:
        return value, here
    if other < value or there < here:
        return other, there
    return value, here


def replace(x: Any, y: Any) -> Any:
    """Return the second."""
    return y


def no_operation(x: Any, y: Any) -> Any:
    """Return the first."""
    return x


FUNCTIONS: dict[str, ObjectFunction] = {
    "MAX": maximum,
    "MIN": minimum,
    "SUM": operator.add,
    "PROD": operator.mul,
    "LAND": logical_and,
    "BAND": operator.and_,
    "LOR": logical_or,
    "BOR": operator.or_,
    "LXOR": logical_xor,
    "BXOR": operator.xor,
    "MAXLOC": maximum_location,
    "MINLOC": minimum_location,
    "REPLACE": replace,
    "NO_OP": no_operation,
}
"""The predefined operations, by their names in the module MPI."""
