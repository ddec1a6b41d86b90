"""libp2p is loaded without unused packages, and others still get the real packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mpi_actors.net.libp2p.unused import UNUSED


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_transport_loads_none_of_it() -> None:
    """After the whole daemon is imported, no unused package is loaded, and no stand-in is left."""
    code = f"import mpi_actors.daemon.real, sys; print([name for name in {UNUSED!r} if name in sys.modules])"
    assert run(code) == "[]"


def test_others_get_the_real_packages_afterwards() -> None:
    """A later import of such a package loads the real one."""
    code = (
        "import mpi_actors.daemon.real, requests, dns.resolver;"
        "print(requests.Session().headers['Connection'])"
    )
    assert run(code) == "keep-alive"


@pytest.mark.parametrize("package", UNUSED)
def test_standing_in_is_still_needed(package: str) -> None:
    """libp2p itself still loads the package; when it no longer does, take it off the list."""
    assert run(f"import libp2p.host.basic_host, sys; print({package!r} in sys.modules)") == "True"


def test_a_libp2p_that_cannot_do_without_is_loaded_whole() -> None:
    """If the stand-ins do not suffice, libp2p is imported without them."""
    code = (
        "import mpi_actors.net.libp2p.unused as u, sys\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] in ('libp2p', 'multiaddr')]:\n"
        "    del sys.modules[name]\n"
        "u.UNUSED = (*u.UNUSED, 'google')\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'google']:\n"
        "    del sys.modules[name]\n"
        "u._import()\n"
        "from libp2p.crypto.ed25519 import create_new_key_pair\n"
        "print(len(create_new_key_pair().public_key.to_bytes()))"
    )
    assert run(code) == "32"
