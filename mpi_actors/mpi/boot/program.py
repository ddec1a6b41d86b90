"""Runs a script or a module as `__main__`, by the rules of `python` itself.

See "Command line and environment" in Python's documentation.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType

EXIT_USAGE = 2
"""The exit code for a wrong command line; Python's own."""


class NoProgramNamed(ValueError):
    """The command line names no program."""


def parse(arguments: Sequence[str]) -> tuple[str, bool, list[str]]:
    """Return the script or module that a command line names, whether it is a module, and its arguments.

    Raises:
        NoProgramNamed: the command line names none.
    """
    words = list(arguments)
    module = words[:1] == ["-m"]
    if module:
        del words[0]
    if not words:
        raise NoProgramNamed("a script, or -m and a module, is missing")
    return words[0], module, words[1:]


def run(name: str, module: bool, arguments: list[str]) -> None:
    """Run a program in a fresh `__main__`. What the program raises passes through."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__.update(__builtins__=sys.modules["builtins"], __annotations__={})
    if module:
        _run_module(name, arguments)
    elif os.path.isfile(name) and not _is_archive(name):
        _run_script(main, name, arguments)
    else:
        _run_folder(name, arguments)


def _first_on_path(folder: str) -> None:
    """Put the program's folder first on `sys.path`, where Python has put that of `-m mpi_actors.mpi.boot`."""
    if not sys.flags.safe_path and sys.path:
        sys.path[0] = folder


def _run_script(main: ModuleType, name: str, arguments: list[str]) -> None:
    sys.argv[:] = [name, *arguments]
    _first_on_path(os.path.dirname(os.path.realpath(name)))
    name = os.path.abspath(name)
    with open(name, "rb") as file:
        source = file.read()
    from importlib.machinery import SourceFileLoader

    namespace = main.__dict__
    namespace["__file__"] = name
    namespace["__cached__"] = None
    namespace["__loader__"] = SourceFileLoader("__main__", name)
    exec(compile(source, name, "exec", dont_inherit=True), namespace)


def _run_module(name: str, arguments: list[str]) -> None:
    from runpy import _run_module_as_main  # type: ignore[attr-defined]  # what `python -m` calls

    sys.argv[:] = ["-m", *arguments]
    _run_module_as_main(name)


def _run_folder(name: str, arguments: list[str]) -> None:
    """Run the module `__main__` of a folder or a zip file."""
    from runpy import _run_module_as_main  # type: ignore[attr-defined]  # what `python folder` calls

    if not os.path.exists(name):
        print(f"{sys.executable}: can't open file {os.path.abspath(name)!r}: no such file", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    sys.argv[:] = [name, *arguments]
    _first_on_path(os.path.abspath(name))
    _run_module_as_main("__main__", False)


def _is_archive(name: str) -> bool:
    with open(name, "rb") as file:
        return file.read(4) == b"PK\3\4"


def without_us(traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that is the program's own.

    The functions that called it are left out, and those that stand in for built-in ones, which would not be
    there either.
    """
    while traceback is not None and _is_ours(traceback):
        traceback = traceback.tb_next
    last = traceback
    while last is not None:
        while last.tb_next is not None and _is_ours(last.tb_next):
            last.tb_next = last.tb_next.tb_next
        last = last.tb_next
    return traceback


def _is_ours(traceback: TracebackType) -> bool:
    module = traceback.tb_frame.f_globals.get("__name__")
    return isinstance(module, str) and module.startswith(f"{__package__}.")
