"""The checkout installs without a compiler, though libp2p pins a package that has no wheel."""

from __future__ import annotations

import ast
import importlib
import os
import runpy
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import distribution, requires
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

TREE = Path(__file__).parents[2]
STAND_IN = TREE / ".ci" / "fastecdsa"
DEADLINE = 600.0
"""Seconds after which the installation counts as hung."""


def setup_of(tree: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `setup.py` of a tree tells setuptools."""
    given: list[dict[str, Any]] = []
    standing_in = ModuleType("setuptools")
    standing_in.setup = lambda **options: given.append(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "setuptools", standing_in)
    runpy.run_path(str(tree / "setup.py"))
    [options] = given
    return options


def required_by(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `setup.py` of a tree requires."""
    lines = setup_of(tree, monkeypatch)["install_requires"]
    assert isinstance(lines, list)
    return lines


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`import fastecdsa` finds the stand-in, whichever is installed."""
    others = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "fastecdsa"}
    for name in others:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(STAND_IN))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "fastecdsa"]:
        del sys.modules[name]
    sys.modules.update(others)


def test_a_checkout_requires_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path, and besides what setup.cfg says."""
    monkeypatch.delenv("MPI_ACTORS_FASTECDSA", raising=False)
    required = required_by(TREE, monkeypatch)
    assert f"fastecdsa @ {STAND_IN.as_uri()}" in required
    assert {"trio", "libp2p", "attrs"} <= {Requirement(line).name for line in required}


def test_the_real_one_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing says where it comes from."""
    monkeypatch.setenv("MPI_ACTORS_FASTECDSA", "real")
    assert "fastecdsa" not in {Requirement(line).name for line in required_by(TREE, monkeypatch)}


def test_a_source_distribution_names_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no stand-in, and what is built from it may go anywhere."""
    monkeypatch.delenv("MPI_ACTORS_FASTECDSA", raising=False)
    for name in ("setup.py", "setup.cfg"):
        shutil.copy(TREE / name, tmp_path)
    assert not [line for line in required_by(tmp_path, monkeypatch) if "file:" in line]


def test_nothing_of_an_earlier_build_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that were renamed since then would come along."""
    place = Path(setup_of(TREE, monkeypatch)["options"]["build"]["build_base"])
    assert not place.is_relative_to(TREE)


def test_the_stand_in_is_what_libp2p_pins() -> None:
    """A new libp2p that pins another release, or none, needs another stand-in, or none."""
    [pin] = [pin for pin in map(Requirement, requires("libp2p") or ()) if pin.name == "fastecdsa"]
    [line] = [line for line in (STAND_IN / "pyproject.toml").read_text().splitlines() if "version = " in line]
    version = line.split('"')[1]
    assert pin.specifier.contains(version)
    assert version.endswith("+stand.in")


@pytest.mark.usefixtures("stand_in")
def test_the_stand_in_has_all_that_libp2p_imports() -> None:
    """Every name, in every file."""
    wanted = set()
    for file in distribution("libp2p").files or ():
        if file.suffix == ".py":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "fastecdsa":
                    wanted |= {(node.module, alias.name) for alias in node.names}
                elif isinstance(node, ast.Import):
                    assert not any(alias.name.startswith("fastecdsa") for alias in node.names)
    assert len(wanted) >= 5
    for module, name in wanted:
        assert module is not None
        found = importlib.import_module(module)
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")


@pytest.mark.usefixtures("stand_in")
def test_the_stand_in_says_what_it_is() -> None:
    """Whoever uses it for elliptic curves hears how to get the real one."""
    keys = importlib.import_module("fastecdsa.keys")
    curve = importlib.import_module("fastecdsa.curve")
    with pytest.raises(NotImplementedError, match="MPI_ACTORS_FASTECDSA=real"):
        keys.gen_private_key(curve.P256)


@pytest.mark.e2e
def test_the_checkout_installs_without_a_compiler(tmp_path: Path) -> None:
    """Into a fresh environment, where it then runs a job; by uv if it is there, else by pip."""
    tree, place = tmp_path / "tree", tmp_path / "own"
    omitted = shutil.ignore_patterns(
        ".git", ".venv", ".tox", "build", "*.egg-info", "__pycache__", ".*_cache"
    )
    shutil.copytree(TREE, tree, ignore=omitted)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    venv.create(place, with_pip=uv is None)
    python = str(place / "bin" / "python")
    command = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    environment = {name: value for name, value in os.environ.items() if name != "MPI_ACTORS_FASTECDSA"}
    environment |= {"CC": "false", "CXX": "false"}
    done = subprocess.run(
        [*command, "."],
        cwd=tree, env=environment, text=True, capture_output=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    job = subprocess.run(
        [place / "bin" / "mpi-actors", "run", "-n", "2", "--peers", "2", TREE / "example" / "echo", "hello"],
        cwd=tmp_path, text=True, capture_output=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert (job.stdout, job.returncode) == ("hello\n", 0), job.stderr
    show = "from importlib.metadata import version; print(version('fastecdsa'))"
    shown = subprocess.run([python, "-c", show], text=True, capture_output=True, timeout=DEADLINE, check=True)
    assert shown.stdout == "2.3.2+stand.in\n"
