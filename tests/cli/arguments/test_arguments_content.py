"""The command lines of the commands on content."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.cli.arguments.content import (
    CONTENT_COMMANDS,
    CollectArguments,
    ContentArguments,
    GetArguments,
    ListArguments,
    PinArguments,
    PublishArguments,
    UnpinArguments,
)
from mpi_actors.cli.arguments.parse import parse_arguments
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.errors import UsageError

PEER = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
API = "/ip4/127.0.0.1/tcp/5001"
V0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKv3nG"
V1 = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


def at(text: str) -> ContentPath:
    """Return the path in IPFS that a text names."""
    return ContentPath.parse(text)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["publish", "d"], PublishArguments(directory=Path("d"))),
        (
            ["publish", "-q", "--cid-version", "1", "-json", "d", "-path", "p", "-ipfs-api", API, "-debug"],
            PublishArguments(
                directory=Path("d"), cid_version=1, quiet=True, path=Path("p"), api=API, json=True, debug=True
            ),
        ),
        (["get", V0, "to"], GetArguments(content=at(V0), to=Path("to"))),
        (
            ["get", "-peer", PEER, "--peer", "/dns4/a/tcp/1", f"ipfs://{V1}/a/b/", ".", "-ipfs-api=embedded"],
            GetArguments(content=at(f"{V1}/a/b"), to=Path(), peers=(PEER, "/dns4/a/tcp/1"), api="embedded"),
        ),
        (
            ["get", "-ipfs-store", f"{V0}/s", "echo/run.py", "x"],
            GetArguments(content=at(f"{V0}/s/echo/run.py"), to=Path("x")),
        ),
        (["get", "-ipfs-store", V0, V1, "x"], GetArguments(content=at(V1), to=Path("x"))),
        (["list"], ListArguments()),
        (["list", "--json", "--path", "p"], ListArguments(json=True, path=Path("p"))),
        (["list", f"/ipfs/{V0}/s"], ListArguments(content=at(f"{V0}/s"))),
        (["list", "-ipfs-store", V0], ListArguments(content=at(V0))),
        (["list", "--ipfs-store", V0, "echo"], ListArguments(content=at(f"{V0}/echo"))),
        (["pin", "echo", V0, f"{V1}/x"], PinArguments(targets=("echo", at(V0), at(f"{V1}/x")))),
        (["pin", "--ipfs-peer", PEER, "echo"], PinArguments(targets=("echo",), peers=(PEER,))),
        (["unpin", "echo", "-json"], UnpinArguments(targets=("echo",), json=True)),
        (["gc"], CollectArguments()),
        (["gc", "-path", "p", "-json"], CollectArguments(path=Path("p"), json=True)),
    ],
)
def test_command_lines_are_read(argv: list[str], expected: ContentArguments) -> None:
    """Flags have one dash or two, and stand before or after the other words."""
    assert parse_arguments(argv) == expected


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["publish"], "DIR"),
        (["publish", ""], "is not a path"),
        (["publish", "a", "b"], "unrecognized arguments: b"),
        (["publish", "--cid-version", "2", "d"], "choose from 0, 1"),
        (["publish", "-peer", PEER, "d"], "-peer"),
        (["get", V0], "TO"),
        (["get", V0[:-1], "x"], "not a content identifier"),
        (["get", "echo", "x"], "not a content identifier"),
        (["get", f"{V0}/a/../b", "x"], "made of dots"),
        (["get", "-peer", "x", V0, "x"], "not a usable address"),
        (["get", "-ipfs-store", V0, "..", "x"], "'..' cannot be in"),
        (["get", "-ipfs-store", "example", "echo", "x"], "not a content identifier"),
        (["list", "echo"], "'echo' is not a content identifier"),
        (["list", V0, V1], "unrecognized"),
        (["list", "-ipfs-api", "localhost:5001"], "not a usable address"),
        (["pin"], "TARGET"),
        (["pin", "a/b"], "neither"),
        (["pin", ""], "neither"),
        (["pin", V0[:-2]], "not a content identifier"),
        (["gc", "x"], "unrecognized"),
        (["gc", "-path", ""], "is not a path"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_of_a_content_command(argv: list[str], part: str) -> None:
    """The error is one line and names what is wrong."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(argv)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", CONTENT_COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_each_content_command_explains_itself(
    word: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help has examples, the JSON fields and the exit codes."""
    with pytest.raises(SystemExit) as end:
        parse_arguments([word, flag])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for part in (f"\n  mpi-actors {word}", "example", "--json", "exit codes"):
        assert part in out
