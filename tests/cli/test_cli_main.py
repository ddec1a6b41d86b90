"""The command `mpi-actors` as far as it loads no daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mpi_actors._version import __version__
from mpi_actors.cli.main import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version and succeeds."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mpi-actors {__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["-bogus"],
        ["-peer", "x"],
        ["run"],
        ["-ipfs-store", "/does/not/exist"],
        ["-events", "/does/not/exist"],
        ["-ipfs-store", "QmYwAPJzv5CZsnA625"],
        ["publish"],
        ["get", "x", "y"],
        ["list", "-bogus"],
        ["pin"],
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line on standard error; standard output stays empty."""
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mpi-actors: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["-bogus"], ["publish", "--help"], ["get", "x", "y"]]
)
def test_help_and_usage_errors_load_neither_trio_nor_libp2p(argv: list[str]) -> None:
    """Help and usage errors are instant: they load neither an event loop nor a network."""
    code = (
        "import sys; from mpi_actors.cli.main import main; main(sys.argv[1:]);"
        "print(sorted({'trio', 'libp2p', 'prompt_toolkit'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_usage_error_is_found_inside_of_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon's tasks wrap the error in groups; here the address belongs to another machine."""
    argv = ["-path", str(tmp_path), "--no-mdns", "--listen", "/ip4/203.0.113.77/tcp/0"]
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert "203.0.113.77" in err
    assert err.count("\n") == 1
