"""Where a peer keeps what is its own."""

from __future__ import annotations

from pathlib import Path


def default_directory() -> Path:
    """The peer's directory when no `-path` names one: in the user's data directory."""
    # not needed when a flag is wrong, or names the directory
    import platformdirs

    return platformdirs.user_data_path("mpi-actors", appauthor=False)
