"""The registry of the console's commands, from which help and completion derive."""

from __future__ import annotations

import difflib
import enum
import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from ...errors import UsageError
from ..text.tables import one_line

C = TypeVar("C")
"""What a command works on: the console. The registry does not need to know it."""


class Names(enum.Enum):
    """What kind of thing the arguments of a command name, for completion."""

    NOTHING = enum.auto()
    COMMANDS = enum.auto()
    INSTALLED = enum.auto()
    AVAILABLE = enum.auto()
    INTERPRETERS = enum.auto()
    """Interpreters, installed or in the store."""
    PINNED = enum.auto()
    JOBS = enum.auto()


Run = Callable[[C, Sequence[str]], Awaitable[None]]
"""Executes a command, with the console and the command's arguments."""


@attrs.frozen(kw_only=True)
class Command(Generic[C]):
    """One command."""

    name: str
    usage: str
    """The command with its arguments, as `help` shows it."""
    summary: str
    """What the command does, in a line."""
    run: Run[C]
    least: int
    """The number of arguments that the command needs."""
    most: int | None
    """The number of arguments that it accepts; None for any number."""
    names: Names
    """What its arguments name."""
    only_first: bool
    """Only the first argument is such a name."""


REGISTRY: dict[str, Command[Any]] = {}
"""Commands by name, in the order in which `help` shows them."""


def find(word: str) -> Command[Any]:
    """Return the command of that name, in upper or lower case.

    Raises:
        UsageError: there is no such command; the text names the closest one.
    """
    command = REGISTRY.get(word.lower())
    if command is not None:
        return command
    close = difflib.get_close_matches(word.lower(), REGISTRY, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`help` lists the commands"
    raise UsageError(f"there is no command {one_line(word, 40)!r}; {hint}")


def split(line: str) -> list[str]:
    """Split a line into words, which may be quoted as in a shell.

    Raises:
        UsageError: a quotation has no end.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"cannot read this line: {str(error).lower()}") from None


def check_count(command: Command[Any], arguments: Sequence[str]) -> None:
    """Refuse too few or too many arguments.

    Raises:
        UsageError: their number is wrong; the text shows the usage.
    """
    if len(arguments) < command.least or (command.most is not None and len(arguments) > command.most):
        raise UsageError(f"usage: {command.usage}")


def command(
    usage: str, summary: str, least: int = 0, most: int | None = 0, names: Names = Names.NOTHING,
    *, only_first: bool = False,
) -> Callable[[Run[C]], Run[C]]:  # fmt: skip
    """Return a decorator that registers a command. Its name is the first word of `usage`; see `Command`."""

    def register(run: Run[C]) -> Run[C]:
        name = usage.split()[0]
        REGISTRY[name] = Command(
            name=name, usage=usage, summary=summary, run=run, least=least, most=most, names=names,
            only_first=only_first,
        )  # fmt: skip
        return run

    return register
