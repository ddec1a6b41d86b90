"""Functions in Python that take the place of built-in ones, and behave as those do."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class StandIn(staticmethod):  # type: ignore[type-arg]  # its parameters are any
    """A function that is no method where a class has it as an attribute, and is pickled by its name."""

    def __reduce__(self) -> str:
        """See `object.__reduce__`."""
        return self.__name__


def stand_in(function: Callable[..., Any], module: ModuleType, name: str) -> StandIn:
    """Put a function in the place of the built-in function of a module, under its name, and return it."""
    plain = getattr(module, name)
    ours = StandIn(function)
    vars(ours).update(
        __name__=name,
        __qualname__=name,
        __module__=module.__name__,
        __doc__=plain.__doc__,
        __wrapped__=function,
    )
    setattr(module, name, ours)
    home = plain.__module__
    if home != module.__name__:
        # `os` takes its functions from another module, which is loaded whenever it is
        from sys import modules

        setattr(modules[home], name, ours)
    return ours
