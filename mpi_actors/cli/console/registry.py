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
"""What a command works on: the console. The registry needs to know nothing of it."""


class Names(enum.Enum):
    """What the arguments of a command name, for completion."""

    NOTHING = enum.auto()
    COMMANDS = enum.auto()
    INSTALLED = enum.auto()
    AVAILABLE = enum.auto()
    INTERPRETERS = enum.auto()
    """Installed or available."""
    PINNED = enum.auto()
    JOBS = enum.auto()


Run = Callable[[C, Sequence[str]], Awaitable[None]]
"""Executes a command, with the console and the command's arguments."""


@attrs.frozen(kw_only=True)
class Command(Generic[C]):
    """One command."""

    name: str
    usage: str
    summary: str
    run: Run[C]
    least: int
    """Arguments that it must have."""
    most: int | None
    """Arguments that it may have; None for any number."""
    names: Names
    only_first: bool
    """Only its first argument is such a name."""


REGISTRY: dict[str, Command[Any]] = {}
"""Commands by name, in the order in which `help` shows them."""


def find(word: str) -> Command[Any]:
    """The command of that name, in letters of either case.

    Raises:
        UsageError: there is none; the text names the closest one.
    """
    command = REGISTRY.get(word.lower())
    if command is not None:
        return command
    close = difflib.get_close_matches(word.lower(), REGISTRY, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`help` lists the commands"
    raise UsageError(f"there is no command {one_line(word, 40)!r}; {hint}")


def split(line: str) -> list[str]:
    """The words of a line, quoted as in a shell.

    Raises:
        UsageError: a quotation does not end.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"cannot read that line: {str(error).lower()}") from None


def check_count(command: Command[Any], arguments: Sequence[str]) -> None:
    """Refuse too few or too many arguments.

    Raises:
        UsageError: the text has the usage.
    """
    if len(arguments) < command.least or (command.most is not None and len(arguments) > command.most):
        raise UsageError(f"usage: {command.usage}")


def command(
    usage: str, summary: str, least: int = 0, most: int | None = 0, names: Names = Names.NOTHING,
    *, only_first: bool = False,
) -> Callable[[Run[C]], Run[C]]:  # fmt: skip
    """Register a command, whose name is the first word of `usage`. See `Command` for the rest."""

    def register(run: Run[C]) -> Run[C]:
        name = usage.split()[0]
        REGISTRY[name] = Command(
            name=name, usage=usage, summary=summary, run=run, least=least, most=most, names=names,
            only_first=only_first,
        )  # fmt: skip
        return run

    return register
