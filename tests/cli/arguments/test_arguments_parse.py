"""The command line."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from mpi_actors.cli.arguments.content import CONTENT_COMMANDS
from mpi_actors.cli.arguments.parse import (
    CONSOLE_COMMANDS,
    BenchArguments,
    ConsoleOptions,
    DemoArguments,
    RunArguments,
    parse_arguments,
)
from mpi_actors.cli.arguments.values import with_help
from mpi_actors.cli.console.app import register_commands
from mpi_actors.cli.console.registry import REGISTRY
from mpi_actors.cli.text.duration import parse_duration
from mpi_actors.cli.text.size import parse_size
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.errors import UsageError

PEER = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
V0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKv3nG"
V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


def test_no_arguments_are_a_console_with_defaults() -> None:
    """The peer listens on loopback only, keeps 10 MB for 30 days, and uses the IPFS daemon that it finds."""
    assert parse_arguments([]) == ConsoleOptions()
    assert ConsoleOptions().listen == ("/ip4/127.0.0.1/tcp/0",)
    assert ConsoleOptions().keep == parse_duration("30d")
    assert ConsoleOptions().max_size == parse_size("10MB")
    assert ConsoleOptions().api is None


@pytest.mark.parametrize("dash", ["-", "--"])
def test_flags_have_one_dash_or_two(dash: str) -> None:
    """Both spellings mean the same."""
    flags = {
        "ipfs-store": "s", "ipfs-api": "/dns4/localhost/tcp/5001/http", "ipfs-peer": PEER, "path": "p",
        "maxsize": "2kB", "keep": "2h", "peer": PEER, "listen": "/ip4/127.0.0.1/tcp/4001", "slots": "3",
        "pool": "ours", "events": "e",
    }  # fmt: skip
    argv = [word for name, value in flags.items() for word in (dash + name, value)]
    argv += [dash + "no-mdns", "-q", dash + "debug"]
    assert parse_arguments(argv) == ConsoleOptions(
        store=Path("s"), api="/dns4/localhost/tcp/5001/http", ipfs_peers=(PEER,), path=Path("p"),
        max_size=2000, keep=7200.0, peers=(PEER,), listen=("/ip4/127.0.0.1/tcp/4001",), mdns=False, slots=3,
        pool="ours", events=Path("e"), quiet=True, debug=True,
    )  # fmt: skip


def test_peers_and_listening_addresses_may_be_given_again() -> None:
    """A repeated flag adds to those before it."""
    found = parse_arguments(["-peer", PEER, "-peer", "/dns4/a/tcp/1", "--listen", "/ip4/0.0.0.0/tcp/1"])
    assert isinstance(found, ConsoleOptions)
    assert found.peers == (PEER, "/dns4/a/tcp/1")
    assert found.listen == ("/ip4/0.0.0.0/tcp/1",)


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["-bogus"], "'-bogus'"),
        (["strat"], "no command 'strat'"),
        (["-q", "run", "echo"], "'run' has to come first"),
        (["-n", "2", "run", "echo"], "'run' has to come first"),
        (["-maxsize", "ten"], "'ten' is not a size"),
        (["-maxsize"], "-maxsize"),
        (["-peer", "nonsense"], "not a usable address"),
        (["-peer", "/ip4/1.2.3.4/tcp/0"], "port 0"),
        (["--listen", "/dns4/localhost/tcp/1"], "to listen"),
        (["-ipfs-api", "localhost:5001"], "not a usable address"),
        (["--slots", "0"], "from 1"),
        (["--slots", "٣"], "from 1"),
        (["--pool", ""], "pool's name"),
        (["-path", ""], "is not a path"),
        (["-keep", "3"], "'3' is not a duration"),
        (["-ipfs-peer", "x"], "not a usable address"),
        (["-ipfs-store", V0[:-1]], "not a content identifier"),
        (["-ipfs-store", V0[:20]], "copied entirely"),
        (["-ipfs-store", V0[:-1] + "0"], "not a content identifier"),
        (["-ipfs-store", V1[:-3]], "copied entirely"),
        (["-ipfs-store", f"/ipfs/{V0}/../x"], "made of dots"),
        (["-ipfs-store", "/ipfs/"], "not a content identifier"),
        (["-ipfs-store", "ipfs://example"], "not a content identifier"),
        (["-ipfs-store", ""], "is not a path"),
        (["run", "-ipfs-store", V0, "echo"], f"mpi-actors get {V0} DIR"),
        (["-path", "p", "list"], "'list' has to come first"),
        (["run"], "PROGRAM"),
        (["run", "-n", "2", "--prefix"], "PROGRAM"),
        (["run", "-m"], "MODULE"),
        (["run", "--bogus", "echo"], "--bogus"),
        (["run", "-n"], "-n"),
        (["run", "-n", "0", "echo"], "from 1 to 4096"),
        (["run", "-n", "two", "echo"], "'two'"),
        (["run", "-n", "-1", "echo"], "from 1 to 4096"),
        (["run", "--restart", "never", "echo"], "never"),
        (["demo", "--jsn"], "--jsn"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(argv: list[str], part: str) -> None:
    """The error is one line and names what is wrong."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(argv)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def error_of(argv: list[str]) -> str:
    """The text of the error that a command line gives."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(argv)
    return str(caught.value)


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["-bogus"], "mpi-actors"),
        (["-maxsize", "ten"], "mpi-actors"),
        (["run", "-n", "two", "echo"], "mpi-actors run"),
        (["run"], "mpi-actors run"),
        (["run", "-ipfs-store", V0, "echo"], "mpi-actors run"),
        (["demo", "--jsn"], "mpi-actors demo"),
        (["get", V0[:-1], "to"], "mpi-actors get"),
    ],
)
def test_an_error_names_the_help_that_says_more(argv: list[str], command: str) -> None:
    """So does the error of a value, whichever command it belongs to."""
    assert error_of(argv).endswith(f". Try: {command} --help")


def test_an_error_that_says_what_to_do_names_no_help() -> None:
    """A question, or an example to try, is enough; other texts end with one full stop."""
    assert with_help("did you mean this?", "c") == "did you mean this?"
    assert with_help("no. Try: that", "c") == "no. Try: that"
    assert with_help("no.", "c") == with_help("no", "c") == "no. Try: c --help"


FLAGS = {
    "": [
        "ipfs-store", "ipfs-api", "ipfs-peer", "path", "maxsize", "keep", "peer", "listen", "no-mdns",
        "slots", "pool", "events", "debug", "quiet", "version", "help",
    ],
    "run": ["peers", "restart", "prefix", "ipfs-store", "events", "debug", "help"],
    "list": ["path", "ipfs-api", "ipfs-peer", "ipfs-store", "peer", "json", "debug", "help"],
    "demo": ["json", "help"],
}  # fmt: skip
SHORT = {"": {"-q", "-h"}, "run": {"-n", "-np", "-m", "-h"}, "list": {"-h"}, "demo": {"-h"}}


@pytest.mark.parametrize(
    ("command", "flag"), [(command, flag) for command, flags in FLAGS.items() for flag in flags]
)
@pytest.mark.parametrize("dash", ["-", "--"])
@pytest.mark.parametrize("value", ["", "=1"])
def test_no_flag_can_be_abbreviated(command: str, flag: str, dash: str, value: str) -> None:
    """The beginning of a flag is not a flag, so a new flag never changes what a command line means."""
    for end in range(1, len(flag)):
        short = dash + flag[:end]
        if short in SHORT[command] or short.lstrip("-") in FLAGS[command]:
            continue
        word = short + value
        text = error_of([*command.split(), word])
        assert f"no flag {word!r}" in text or f"unrecognized arguments: {word}." in text


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["-n", "2", "example/echo"], "-n 2 example/echo"),
        (["example/echo"], "example/echo"),
        (["example/echo", "a b"], "example/echo 'a b'"),
        (["script.py", "-q"], "script.py -q"),
        (["-n", "4", "echo"], "-n 4 echo"),
        (["-m", "package.module"], "-m package.module"),
        (["-ipfs-store", "example", "echo"], "-ipfs-store example echo"),
    ],
)
def test_a_program_without_run_is_asked_about(argv: list[str], meant: str) -> None:
    """The error has the whole command line that was probably meant."""
    assert error_of(argv).endswith(f"; did you mean `mpi-actors run {meant}`?")


def test_a_file_without_run_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare word is a program if a file has that name."""
    monkeypatch.chdir(tmp_path)
    assert "run" not in error_of(["prog"])
    Path("prog").touch()
    assert error_of(["prog"]) == "there is no command 'prog'; did you mean `mpi-actors run prog`?"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("rum", "there is no command 'rum'; did you mean 'run'?"),
        ("gett", "there is no command 'gett'; did you mean 'get'?"),
        ("strat", "there is no command 'strat'; did you mean 'start' at the console?"),
        ("echo", "there is no command 'echo'. Try: mpi-actors --help"),
        ("-rum", "there is no flag '-rum'. Try: mpi-actors --help"),
    ],
)
def test_a_mistyped_command_is_asked_about(word: str, text: str) -> None:
    """Only a command that is much alike is named."""
    assert error_of([word]) == text


@pytest.mark.parametrize("word", CONSOLE_COMMANDS)
def test_a_command_of_the_console_is_none_of_a_shell(word: str) -> None:
    """The error says where the command can be given."""
    assert error_of([word, "x"]).startswith(f"{word!r} is one of the console's commands: start a console")


def test_the_commands_of_the_console_are_known() -> None:
    """The list is that of the console, without the commands that can also be given in a shell."""
    register_commands()
    assert set(CONSOLE_COMMANDS) == {word for word in REGISTRY if word not in CONTENT_COMMANDS}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (V0, V0), (f"{V0}/", V0), (f"/ipfs/{V0}/sub", f"{V0}/sub"), (f"ipfs://{V1}/a/b", f"{V1}/a/b"),
        (V1, V1), (f"{V0}/.hidden/x", f"{V0}/.hidden/x"),
    ],
)  # fmt: skip
def test_a_store_can_be_in_ipfs(text: str, path: str) -> None:
    """A store can be written in each notation of a path in IPFS."""
    found = parse_arguments(["-ipfs-store", text])
    assert isinstance(found, ConsoleOptions)
    assert found.store == ContentPath.parse(path)


@pytest.mark.parametrize("name", ["example", "Qm", "bafy", "./x", "a/b", V0, V0[:-1]])
def test_a_store_can_be_a_directory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that does not look like a CID names a directory; so does the name of one that exists."""
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(parents=True)
    found = parse_arguments(["-ipfs-store", name])
    assert isinstance(found, ConsoleOptions)
    assert found.store == Path(name)


@pytest.mark.parametrize("text", ["forever", "0"])
def test_interpreters_can_be_kept_for_ever(text: str) -> None:
    """Then the peer never removes an interpreter because no job used it."""
    found = parse_arguments(["--keep", text])
    assert isinstance(found, ConsoleOptions)
    assert found.keep == math.inf


ARGUMENTS = pytest.mark.parametrize(
    "args",
    [
        [], ["hi"], ["-n", "5"], ["--help"], ["-v", "--", "x"], ["--", "x"], ["a", "--restart", "b"],
        ["-m", "x"], [""],
    ],
)  # fmt: skip


@ARGUMENTS
@pytest.mark.parametrize("end", [[], ["--"]], ids=["", "--"])
def test_what_follows_the_program_is_the_programs(args: list[str], end: list[str]) -> None:
    """The program gets all words after its name, also those with dashes."""
    found = parse_arguments(["run", "-n", "2", "--restart", "lost", *end, "echo", *args])
    assert isinstance(found, RunArguments)
    assert (found.size, found.restart, found.program, found.args) == (2, "lost", "echo", tuple(args))
    assert not found.module


@ARGUMENTS
@pytest.mark.parametrize("words", [["-m", "package.module"], ["-mpackage.module"]], ids=["-m x", "-mx"])
def test_a_module_ends_the_options(args: list[str], words: list[str]) -> None:
    """As after `python -m`, the module gets all words after its name."""
    found = parse_arguments(["run", "-np", "2", "--prefix", *words, *args])
    assert isinstance(found, RunArguments)
    assert (found.size, found.prefix, found.program, found.args) == (2, True, "package.module", tuple(args))
    assert found.module


@pytest.mark.parametrize("words", [["-n", "3"], ["-n3"], ["-np", "3"], ["-n=3"]], ids=" ".join)
def test_the_number_of_ranks_can_be_said_as_to_mpiexec(words: list[str]) -> None:
    """Each spelling that mpiexec takes works."""
    found = parse_arguments(["run", *words, "--peers=2", "script.py"])
    assert isinstance(found, RunArguments)
    assert (found.size, found.peers, found.program) == (3, 2, "script.py")


def test_demo_and_bench() -> None:
    """`demo` has a flag; `bench` parses its arguments itself."""
    assert parse_arguments(["demo"]) == DemoArguments()
    assert parse_arguments(["demo", "--json"]) == DemoArguments(json=True)
    assert parse_arguments(["bench", "--help", "x"]) == BenchArguments(("--help", "x"))


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["-help"], ["run", "--help"], ["demo", "--help"]])
def test_help_has_examples_and_ends_well(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The help goes to standard output, has examples, and the exit code is 0."""
    with pytest.raises(SystemExit) as end:
        parse_arguments(argv)
    assert end.value.code == 0
    assert re.search(r"(?m)^examples:\n  mpi-actors", capsys.readouterr().out)
