"""mpi4py's source distribution: fetched from the package index into a cache, unpacked, never committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

import platformdirs

VERSION = "4.1.2"
SHA256 = "56860286dc45f20e8821e93cb06669e30462348bf866f685553fa4b712d58d02"

_OUTSIDE_CORE = frozenset(
    f"test_{name}"
    for names in (
        ("win", "rma", "rma_nb", "util_sync", "file", "io"),
        ("spawn", "dynproc", "session", "grequest", "ulfm"),
        ("comm_inter", "cco_obj_inter", "cco_buf_inter", "cco_vec_inter", "pack", "p2p_buf_part"),
        ("cco_pr_buf", "cco_pr_ngh_buf", "cco_pr_vec"),
        ("cffi", "ctypes", "handle", "mpiapi", "mpiabi", "doc"),
    )
    for name in names
)


def cache() -> Path:
    """The folder for what is fetched; made if it is not there."""
    place = platformdirs.user_cache_path("mpi_actors") / "mpi4py"
    place.mkdir(parents=True, exist_ok=True)
    return place


def fetch(place: Path) -> Path:
    """The folder of the unpacked distribution below `place`; fetched only if it is not there.

    Raises:
        RuntimeError: pip could not fetch it; the text is what pip wrote.
    """
    ready = place / f"mpi4py-{VERSION}"
    if ready.is_dir():
        return ready
    with tempfile.TemporaryDirectory(dir=place) as name:
        scratch = Path(name)
        requirement = scratch / "requirement.txt"
        requirement.write_text(f"mpi4py=={VERSION} --hash=sha256:{SHA256}\n")
        command = [*_pip(place), "download", "-q", "--no-deps", "--no-binary", "mpi4py"]
        done = subprocess.run(
            [*command, "--require-hashes", "-r", requirement, "-d", scratch],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"cannot fetch mpi4py {VERSION}: {done.stderr or done.stdout}")
        [archive] = scratch.glob("*.tar.gz")
        unpack(archive, scratch / "unpacked")
        [folder] = (scratch / "unpacked").iterdir()
        folder.rename(ready)
    return ready


class BadArchive(Exception):
    """An archive has something that is not to be unpacked."""


def unpack(archive: Path, place: Path) -> None:
    """Unpack an archive of files and folders, nothing of which may be outside `place`.

    Not with `tarfile`'s own filter: Python 3.11.2, which is Debian 12's, has none.

    Raises:
        BadArchive: something is outside, or is neither a file nor a folder.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if not (member.isfile() or member.isdir()) or member.name.startswith("/") or ".." in parts:
                raise BadArchive(f"{archive.name} has {member.name!r}, which is not to be unpacked")
            target = place.joinpath(*parts)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def core_files(distribution: Path) -> list[str]:
    """The names of the test files that count (`test_address` …), sorted."""
    return sorted({path.stem for path in (distribution / "test").glob("test_*.py")} - _OUTSIDE_CORE)


def _pip(place: Path) -> list[str]:
    """A pip: this environment's, or, where there is none (uv makes such), one of our own."""
    if shutil.which("pip", path=str(Path(sys.executable).parent)):
        return [sys.executable, "-m", "pip"]
    own = place / "pip"
    if not (own / "bin" / "pip").exists():
        venv.create(own, with_pip=True, clear=True)
    return [str(own / "bin" / "python"), "-m", "pip"]
