"""What `list` and `gc` show."""

from __future__ import annotations

from mpi_actors.cli.text.listings import collected_lines, entry_lines, interpreter_lines
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.store.backend import DirectoryEntry as ContentEntry
from mpi_actors.depot.listing import InterpreterEntry

NOW = 1_800_000_000.0
DAY = 86400.0


def test_interpreters_are_a_table_with_the_details_below() -> None:
    """Sizes and times are for people; no line ends with a space."""
    output = "init.py ended with exit code 1:\n" + "\n".join(f"line {number}" for number in range(20))
    interpreters = [
        InterpreterEntry("echo", 1234, "installed", in_use=2, pinned=True, last_use=NOW - 3 * DAY),
        InterpreterEntry("fresh", 999, "installed"),
        InterpreterEntry("large", 50_000_000, "available", detail="it needs 50 MB, 10 MB are free"),
        InterpreterEntry("new", 10, "installing"),
        InterpreterEntry("pi", 10, "available"),
        InterpreterEntry("short", 0, "failed", detail="no gpu\n"),
        InterpreterEntry("words", 2_500_000, "failed", detail=output),
    ]
    assert interpreter_lines(interpreters, NOW) == [
        "name   size    state       last use    pinned  in use",
        "echo   1.2 kB  installed   3 days ago  yes     2",
        "fresh  999 B   installed   never",
        "large  50 MB   available",
        "    it needs 50 MB, 10 MB are free",
        "new    10 B    installing",
        "pi     10 B    available",
        "short          failed",
        "    no gpu",
        "words  2.5 MB  failed",
        "    init.py ended with exit code 1:",
        "    …",
        *(f"    line {number}" for number in range(11, 20)),
    ]


def test_a_directory_is_a_table_with_marks() -> None:
    """Directories end with a slash, links with an @, files with nothing."""
    entries = [
        ContentEntry("echo", Cid.of(b"1"), "directory", 1234),
        ContentEntry("link", Cid.of(b"2"), "link", 4),
        ContentEntry("ünï code", Cid.of(b"3", version=1), "file", 0),
    ]
    assert entry_lines(entries) == [
        f"{'cid':59}  size    name",
        f"{Cid.of(b'1')!s:59}  1.2 kB  echo/",
        f"{Cid.of(b'2')!s:59}  4 B     link@",
        f"{Cid.of(b'3', version=1)}  0 B     ünï code",
    ]


def test_what_was_removed_is_told() -> None:
    """The lines name what was removed, or say that there was nothing to remove."""
    assert collected_lines(("echo", "pi"), 1, 262144) == [
        "removed the interpreter echo",
        "removed the interpreter pi",
        "removed 1 block, 262.1 kB",
    ]
    assert collected_lines((), 12, 0) == ["removed 12 blocks, 0 B"]
    assert collected_lines((), 0, 0) == ["there was nothing to remove"]
