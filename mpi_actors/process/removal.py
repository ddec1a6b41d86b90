"""Removes what a program left behind, of any depth and with any permissions."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def remove(path: Path) -> None:
    """Remove the file or tree at `path`, if there is one.

    First move it to a hidden name beside it, so that it is gone at once. The depth of the tree and the
    permissions of its directories do not matter.

    Raises:
        OSError: the tree cannot be moved, or a part of it cannot be removed.
    """
    if not os.path.lexists(path):
        return
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=path.parent))
    try:
        _move(path, aside / "0")
        waiting, made = [0], 0
        # Move each directory up before it is emptied: no path grows too long, and no call is recursive.
        while waiting:
            current = aside / str(waiting.pop())
            if current.is_symlink() or not current.is_dir():
                current.unlink()
                continue
            with os.scandir(current) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        made += 1
                        _move(Path(entry.path), aside / str(made))
                        waiting.append(made)
                    else:
                        os.unlink(entry.path)
            current.rmdir()
    finally:
        if not any(aside.iterdir()):
            aside.rmdir()


def _move(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        os.chmod(path, 0o700)  # else the kernel may refuse to move or to empty it
    os.rename(path, target)
