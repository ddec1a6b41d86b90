"""Programs that `run` finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpi_actors.cli.run.launch import find_program
from mpi_actors.errors import UsageError
from mpi_actors.pool.local.script import module, script, under_other_name


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a working directory with a script, two interpreters, and another directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text("")
    (tmp_path / "none").mkdir()
    for name in ("echo", "store/echo", "store/other"):
        (tmp_path / name).mkdir(parents=True)
        for file in ("init.py", "run.py"):
            (tmp_path / name / file).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("program", "store", "found"),
    [
        ("script.py", None, "script.py"),
        ("./echo", None, "echo"),
        ("echo", None, "echo"),
        ("echo", "store", "store/echo"),
        ("./echo", "store", "echo"),
        ("store/other", None, "store/other"),
        ("script.py", "store", "script.py"),
        ("echo/run.py", None, "echo/run.py"),
    ],
)
def test_a_program_is_found(here: Path, program: str, store: str | None, found: str) -> None:
    """A name in the store comes before a name in the working directory; a word with a slash is a path."""
    assert find_program(program, None if store is None else Path(store)) == Path(found)


@pytest.mark.parametrize(
    ("program", "store", "text"),
    [
        ("nowhere", None, "no program 'nowhere': there is no such file or directory"),
        ("nowhere.py", None, "no program 'nowhere.py': there is no such file or directory"),
        ("none", None, "no program 'none': the directory has no init.py and no run.py"),
        ("nowhere", "store", "no interpreter 'nowhere' in 'store'"),
        ("/dev/null", None, "no program '/dev/null': it is neither a file nor a directory"),
        ("x" * 300, None, f"no program '{'x' * 60}': File name too long"),
    ],
)
def test_what_is_none_is_said(here: Path, program: str, store: str | None, text: str) -> None:
    """The error says what is missing."""
    with pytest.raises(UsageError) as caught:
        find_program(program, None if store is None else Path(store))
    assert text in str(caught.value)
    assert ". Try: mpi-actors run " in str(caught.value)


@pytest.mark.parametrize(
    ("program", "store", "size", "example"),
    [
        ("store", None, 2, "-n 2 store/echo"),
        ("store/", None, 1, "store/echo"),
        ("othr", "store", 3, "-n 3 store/other"),
        ("xyz", "store", 1, "store/echo"),
    ],
)
def test_a_store_in_place_of_a_program_names_its_interpreters(
    here: Path, program: str, store: str | None, size: int, example: str
) -> None:
    """The error names the interpreters, and a command that would run one of them, the most alike if any."""
    (here / "store" / "none").mkdir()
    (here / "store" / "file").touch()
    with pytest.raises(UsageError) as caught:
        find_program(program, None if store is None else Path(store), size)
    assert str(caught.value).endswith(f"; 'store' holds echo, other. Try: mpi-actors run {example}")


def test_a_large_store_names_some_of_its_interpreters(here: Path) -> None:
    """The line stays readable."""
    for number in range(100):
        place = here / "store" / f"a{number:02}"
        place.mkdir()
        for file in ("init.py", "run.py"):
            (place / file).touch()
    with pytest.raises(UsageError, match=r"holds a00, (a\d\d, )+…\. Try: mpi-actors run store/a00") as caught:
        find_program("store", None)
    assert len(str(caught.value)) < 250


def test_a_script_has_its_callers_directory_and_environment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script keeps the path that was typed, as with Python."""
    monkeypatch.setenv("COLOUR", "blue")
    found = script("script.py")
    assert (found.name, found.argv, found.module) == ("script.py", ("script.py",), False)
    assert (found.cwd, found.env["COLOUR"]) == (str(here), "blue")
    before = os.umask(0o077)
    try:
        assert script("script.py").umask == 0o077
    finally:
        os.umask(before)


def test_a_script_can_have_others(here: Path) -> None:
    """With another directory or environment, the script's path is absolute."""
    found = script("script.py", cwd=here / "none", env={"A": "b"}, python="/usr/bin/python3")
    assert (found.argv, found.cwd) == ((str(here / "script.py"),), str(here / "none"))
    assert (dict(found.env), found.python) == ({"A": "b"}, "/usr/bin/python3")


@pytest.mark.parametrize(
    ("path", "cwd", "text"),
    [
        ("nowhere.py", None, "there is no such file"),
        ("none", None, "that is not a file"),
        ("script.py", "nowhere", "no working directory"),
    ],
)
def test_a_script_that_is_none(here: Path, path: str, cwd: str | None, text: str) -> None:
    """A missing script or working directory is an error."""
    with pytest.raises(UsageError, match=text):
        script(path, cwd=cwd)


def test_modules_are_named() -> None:
    """A module is named as for `python -m`; a text that is not a module's name is refused."""
    found = module("package.module")
    assert (found.name, found.argv, found.module) == ("package.module", ("package.module",), True)
    for name in ("", "a b", "a..b", "script.py/", "-x"):
        with pytest.raises(UsageError, match="module's name"):
            module(name)


def test_two_scripts_have_two_names(here: Path) -> None:
    """The first script keeps its name; very long names are cut to what peers accept."""
    first = script("script.py")
    assert under_other_name(first, {}) == first
    second = under_other_name(first, {"script.py"})
    assert second.name == "script.py#2"
    assert under_other_name(first, {"script.py", "script.py#2"}).name == "script.py#3"
    (here / ("ü" * 120)).write_text("")
    assert len(script("ü" * 120).name.encode()) <= 255
