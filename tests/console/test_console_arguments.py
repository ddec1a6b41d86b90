"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.console.arguments import (
    BenchArguments,
    ConsoleOptions,
    DemoArguments,
    RunArguments,
    parse_arguments,
)
from mpi_actors.errors import UsageError
from mpi_actors.launch import RunOptions

PEER = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"


def test_no_arguments_are_a_console_with_defaults() -> None:
    """Loopback only, 10 MB, mDNS, no store."""
    assert parse_arguments([]) == ConsoleOptions()
    assert ConsoleOptions().listen == ("/ip4/127.0.0.1/tcp/0",)


@pytest.mark.parametrize("dash", ["-", "--"])
def test_flags_have_one_dash_or_two(dash: str) -> None:
    """Both spellings mean the same."""
    flags = {
        "ipfs-store": "s", "ipfs-api": "/dns4/localhost/tcp/5001/http", "path": "p", "maxsize": "2kB",
        "peer": PEER, "listen": "/ip4/127.0.0.1/tcp/4001", "slots": "3", "pool": "ours", "events": "e",
    }  # fmt: skip
    argv = [word for name, value in flags.items() for word in (dash + name, value)]
    argv += [dash + "no-mdns", "-q", dash + "debug"]
    assert parse_arguments(argv) == ConsoleOptions(
        store=Path("s"), path=Path("p"), max_size=2000, peers=(PEER,), listen=("/ip4/127.0.0.1/tcp/4001",),
        mdns=False, slots=3, pool="ours", events=Path("e"), quiet=True, debug=True,
    )  # fmt: skip


def test_peers_and_listening_addresses_may_be_given_again() -> None:
    """All of them count, in order."""
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
        (["-maxsize", "ten"], "'ten' is no size"),
        (["-maxsize"], "-maxsize"),
        (["-peer", "nonsense"], "no usable address"),
        (["-peer", "/ip4/1.2.3.4/tcp/0"], "port 0"),
        (["--listen", "/dns4/localhost/tcp/1"], "to listen"),
        (["-ipfs-api", "localhost:5001"], "no usable address"),
        (["--slots", "0"], "from 1"),
        (["--slots", "٣"], "from 1"),
        (["--pool", ""], "pool's name"),
        (["-path", ""], "no path"),
        (["-ipfs-store", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKv3nG"], "later release"),
        (["-ipfs-store", "/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"], "later"),
        (["run"], "PROGRAM"),
        (["run", "-n", "0", "echo"], "from 1 to 4096"),
        (["run", "-n", "two", "echo"], "'two'"),
        (["run", "-n", "-1", "echo"], "from 1 to 4096"),
        (["run", "--restart", "never", "echo"], "never"),
        (["demo", "--jsn"], "--jsn"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(argv: list[str], part: str) -> None:
    """The text names what is wrong."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(argv)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "args", [[], ["hi"], ["-n", "5"], ["--help"], ["-v", "--", "x"], ["a", "--restart", "b"]]
)
def test_what_follows_the_program_is_the_programs(args: list[str]) -> None:
    """Dashes or not."""
    found = parse_arguments(["run", "-n", "2", "--restart", "lost", "echo", *args])
    assert isinstance(found, RunArguments)
    assert (found.size, found.restart, found.program, found.args) == (2, "lost", "echo", tuple(args))


def test_run_has_the_fields_of_the_launcher() -> None:
    """So that one can be made from the other."""
    assert {a.name for a in RunArguments.__attrs_attrs__} == {a.name for a in RunOptions.__attrs_attrs__}


def test_demo_and_bench() -> None:
    """The one has a flag, the other reads its arguments itself."""
    assert parse_arguments(["demo"]) == DemoArguments()
    assert parse_arguments(["demo", "--json"]) == DemoArguments(json=True)
    assert parse_arguments(["bench", "--help", "x"]) == BenchArguments(("--help", "x"))


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["-help"], ["run", "--help"], ["demo", "--help"]])
def test_help_has_examples_and_ends_well(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, on standard output."""
    with pytest.raises(SystemExit) as end:
        parse_arguments(argv)
    assert end.value.code == 0
    assert "mpi-actors" in capsys.readouterr().out
