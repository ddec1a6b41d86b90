"""Debian systems in directories, to install things in as on a fresh machine; needs root and debootstrap.

What this machine says about networks is handed on: proxies, package indexes, certificates. A command sees
mounts and processes of its own, which end with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import platformdirs

PATIENCE = 3600.0
"""Seconds after which a command in a root counts as hung."""
_HANDED_ON = re.compile(
    r"(https?|ftp|all|no)_proxy"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|PROXY|CERT|DEFAULT_TIMEOUT|TIMEOUT)"
    r"|UV_(INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|NATIVE_TLS|SYSTEM_CERTS|HTTP_TIMEOUT)"
    r"|SSL_CERT_FILE|REQUESTS_CA_BUNDLE",
    re.IGNORECASE,
)
_SETTINGS = ("/etc/pip.conf", "/etc/uv/uv.toml", "/etc/resolv.conf", "/etc/hosts")
_ENTER = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -t tmpfs tmpfs "$0/dev/shm"
exec chroot "$0" sh -c 'cd "$0" && exec "$@"' "$@"
"""


class CannotInstall(Exception):
    """Something that the installation of a system needs is not there, or failed; the text is for people."""


@attrs.frozen
class Done:
    """What became of a command."""

    code: int
    text: str
    """What it wrote to both outputs."""


@attrs.frozen
class Root:
    """A system in a directory."""

    place: Path

    def run(self, command: Sequence[str], directory: str = "/") -> Done:
        """Run a command inside, in a directory there, as root and with a plain environment."""
        done = subprocess.run(
            self.entering(command, directory), env=self._environment(), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout)

    def lines(self, command: Sequence[str], directory: str = "/") -> Iterator[str]:
        """Run a command inside; what it writes, as it comes. The last line is `exit code N`."""
        with subprocess.Popen(
            self.entering(command, directory), env=self._environment(), text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                yield from process.stdout
            except BaseException:
                process.kill()
                raise
        yield f"exit code {process.returncode}\n"

    def entering(self, command: Sequence[str], directory: str) -> list[str]:
        """The command that runs one inside; all processes that it leaves are killed."""
        # whoever runs in the background ignores Ctrl-C, and so would all that it starts
        heeding = ["env", "--default-signal=INT,QUIT,HUP,TERM"]
        own = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        return [*heeding, *own, "sh", "-ec", _ENTER, str(self.place), directory, *command]

    def get(self, *packages: str) -> None:
        """Install packages of the system's own, without what these only recommend (a compiler, for one).

        Raises:
            CannotInstall: one cannot be had.
        """
        get = "apt-get -q update && exec apt-get -q install -y --no-install-recommends"
        done = self.run(["sh", "-c", f"{get} {' '.join(packages)}"])
        if done.code:
            raise CannotInstall(f"{' '.join(packages)} cannot be installed: {done.text}")

    def _environment(self) -> dict[str, str]:
        path = "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        plain = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        for name, value in os.environ.items():
            if _HANDED_ON.fullmatch(name):
                plain[name] = self._brought(value)
        return plain

    def _brought(self, value: str) -> str:
        """The value of a variable; a file that it names is copied to where no package writes."""
        if not os.path.isfile(value):
            return value
        inside = "/opt/handed-on" + os.path.abspath(value)
        copy = Path(f"{self.place}{inside}")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(value, copy)
        return inside


def missing() -> str | None:
    """What this machine lacks for making roots, with the command that helps; None if nothing."""
    if os.geteuid():
        return "only root can make Debian systems: run this with sudo"
    if shutil.which("debootstrap") is None:
        return "debootstrap is missing: apt-get install debootstrap"
    return None


@contextmanager
def fresh_root(suite: str, mirror: str | None) -> Iterator[Root]:
    """A minimal system with Python and nothing else, gone in the end. It is made once and kept in a cache.

    Raises:
        CannotInstall: it could not be made.
    """
    cache = platformdirs.user_cache_path("mpi_actors") / "debian"
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / suite
    if not kept.exists():
        _make(kept, suite, mirror)
    with TemporaryDirectory(dir=cache, prefix=f"{suite}.") as name:
        place = Path(name, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", kept, place], check=True)
        _hand_on_settings(place)
        yield Root(place)


def _make(kept: Path, suite: str, mirror: str | None) -> None:
    """Make the system `kept`, whole or not at all."""
    with TemporaryDirectory(dir=kept.parent, prefix=f"{suite}.") as name:
        place = Path(name, "root")
        command = ["debootstrap", "--variant=minbase", "--include=python3", suite, str(place)]
        done = subprocess.run(
            [*command, mirror] if mirror else command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CannotInstall(f"debootstrap cannot make {suite}: {done.stdout[-2000:]}")
        place.rename(kept)


def _hand_on_settings(place: Path) -> None:
    """Have the root reach package indexes as this machine does."""
    files = [Path(name) for name in _SETTINGS]
    folders = {Path("/usr/local/share/ca-certificates"): "*.crt", Path("/etc/apt/apt.conf.d"): "*"}
    for folder, pattern in folders.items():
        files += [
            path for path in folder.glob(pattern)
            if path.suffix == ".crt" or "Acquire" in path.read_text(errors="replace")
        ]  # fmt: skip
    for path in filter(Path.is_file, files):
        copy = Path(f"{place}{path}")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        shutil.copyfile(path, copy)
