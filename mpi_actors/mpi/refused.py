"""Classes of the interface that are not implemented: their methods exist, and raise NotImplementedError."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from .handle import Handle


def refuse(cls: type[Handle], sentence: str, made_by: Iterable[str], methods: Iterable[str]) -> None:
    """Give a class the methods that the interface has.

    A program can make no handle of the class but a null one, so `methods` raise the error class of null
    handles.

    Args:
        cls: the class.
        sentence: what NotImplementedError says when a program calls one of `made_by`.
        made_by: names of the class methods that would make objects.
        methods: names of the methods of these objects.
    """
    for name in made_by:
        setattr(cls, name, classmethod(_maker(cls, name, sentence)))
    for name in methods:
        setattr(cls, name, _method(cls, name, sentence))


def _maker(cls: type[Handle], name: str, sentence: str) -> Callable[..., NoReturn]:
    def refused(cls: type[Handle], *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(sentence)

    return _named(refused, cls, name, sentence)


def _method(cls: type[Handle], name: str, sentence: str) -> Callable[..., NoReturn]:
    def refused(self: Handle, *args: Any, **kwargs: Any) -> NoReturn:
        self._require()
        raise NotImplementedError(sentence)

    return _named(refused, cls, name, sentence)


def _named(function: Callable[..., NoReturn], cls: type, name: str, sentence: str) -> Callable[..., NoReturn]:
    function.__name__ = name
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    function.__doc__ = f"Not implemented: {sentence}."
    return function
