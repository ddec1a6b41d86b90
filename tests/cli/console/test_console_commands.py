"""The registry of commands, and completion, which derives from it."""

from __future__ import annotations

import pytest

from mpi_actors.cli.console.app import register_commands
from mpi_actors.cli.console.completion import Vocabulary, complete
from mpi_actors.cli.console.registry import REGISTRY, check_count, find, split
from mpi_actors.errors import UsageError

register_commands()
WORDS = Vocabulary(installed=("echo", "pi"), available=("words",), pinned=("pi",), jobs=("0123", "0456"))


def test_all_commands_are_there() -> None:
    """The registry has the commands that people know."""
    original = ["add", "del", "exit", "list", "start"]
    more = [
        "connect", "gc", "get", "help", "jobs", "kill", "logs", "peers", "pin", "publish", "tree", "unpin",
        "why",
    ]  # fmt: skip
    assert sorted(REGISTRY) == sorted(original + more)


@pytest.mark.parametrize("word", ["list", "List", "LIST"])
def test_case_does_not_matter(word: str) -> None:
    """Commands are found in letters of either case."""
    assert find(word).name == "list"


@pytest.mark.parametrize(
    ("word", "part"), [("strat", "did you mean 'start'?"), ("lsit", "'list'"), ("xyzzy", "`help`")]
)
def test_an_unknown_command_names_the_closest(word: str, part: str) -> None:
    """The error names the closest command, or else `help`."""
    with pytest.raises(UsageError) as caught:
        find(word)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("start", ["echo"]),
        ("list", ["x", "y"]),
        ("get", ["x"]),
        ("publish", []),
        ("gc", ["x"]),
        ("logs", []),
        ("logs", ["a", "b"]),
        ("add", []),
    ],
)
def test_wrong_counts_of_arguments_show_the_usage(name: str, arguments: list[str]) -> None:
    """Too few or too many arguments are an error that shows the usage."""
    with pytest.raises(UsageError, match=f"^usage: {name}"):
        check_count(REGISTRY[name], arguments)


def test_words_are_quoted_as_in_a_shell() -> None:
    """Quotes hold words together; a quotation without an end is an error."""
    assert split("""start echo 2 'a b' c" d" """) == ["start", "echo", "2", "a b", "c d"]
    with pytest.raises(UsageError, match="no closing quotation"):
        split("start 'echo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("st", ("st", ("start",))),
        ("ST", ("ST", ("start",))),
        ("start ", ("", ("echo", "pi"))),
        ("start e", ("e", ("echo",))),
        ("start echo ", ("", ())),
        ("del echo p", ("p", ("pi",))),
        ("add ", ("", ("words",))),
        ("why 04", ("04", ("0456",))),
        ("why 0456 ", ("", ())),
        ("help l", ("l", ("list", "logs"))),
        ("pin ", ("", ("echo", "pi", "words"))),
        ("pin pi w", ("w", ("words",))),
        ("unpin ", ("", ("pi",))),
        ("p", ("p", ("pin", "publish", "peers"))),
        ("publish ", ("", ())),
        ("list ", ("", ())),
        ("nonsense ", ("", ())),
    ],
)
def test_completion(text: str, expected: tuple[str, tuple[str, ...]]) -> None:
    """Completion offers commands, interpreters and jobs where they can stand."""
    assert complete(text, WORDS) == expected


def test_completion_of_nothing_is_every_command() -> None:
    """The empty line could become any command."""
    assert complete("", WORDS) == ("", tuple(REGISTRY))
