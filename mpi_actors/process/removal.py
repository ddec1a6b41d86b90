"""Removing what a program left behind, however it left it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def remove(path: Path) -> None:
    """Remove whatever is at `path`, at once out of sight under a hidden name beside it, then for good.

    However deep a tree is, and whatever permissions its directories have. Nothing happens if there is none.

    Raises:
        OSError: it cannot be moved, or a part of it cannot be removed.
    """
    if not os.path.lexists(path):
        return
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=path.parent))
    try:
        _move(path, aside / "0")
        waiting, made = [0], 0
        # Directories are moved up before they are emptied: no path grows long, and nothing is recursive.
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
        os.chmod(path, 0o700)  # else it might be neither moved nor emptied
    os.rename(path, target)
