"""What programs leave behind can be removed."""

from __future__ import annotations

import os
from pathlib import Path

from mpi_actors.process.removal import remove


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_remove(tmp_path: Path) -> None:
    """Trees, files and links are removed, but not what links lead to; a missing path is not an error."""
    keep = write(tmp_path / "keep", {"x": "x"})
    root = write(tmp_path / "t", {"a/b/c": "", "a/d": "", ".h/e": ""})
    (root / "a" / "link").symlink_to(keep)
    (tmp_path / "link").symlink_to(keep)
    (tmp_path / "file").write_text("")
    (root / "a" / "b").chmod(0)
    for name in ("t", "link", "file", "nothing"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]
    assert (keep / "x").read_text() == "x"


def test_remove_a_deep_tree(tmp_path: Path) -> None:
    """A tree is removed that is deeper than Python recurses, with paths longer than the system takes."""
    top = current = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(1500):
            os.mkdir("directory", dir_fd=current)
            inner = os.open("directory", os.O_RDONLY, dir_fd=current)
            if current != top:
                os.close(current)
            current = inner
    finally:
        os.close(current)
        os.close(top)
    remove(tmp_path / "directory")
    assert list(tmp_path.iterdir()) == []
