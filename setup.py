"""Everything is in setup.cfg, but what setuptools cannot be told there: one requirement, and where to build.

libp2p pins a release of fastecdsa that has no wheel. A checkout has a stand-in for it, see `.ci/fastecdsa`;
it can only be required by its absolute path, which is known here.
"""

from __future__ import annotations

import os
from configparser import ConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import setup

TREE = Path(__file__).resolve().parent
STAND_IN = TREE / ".ci" / "fastecdsa"


def requirements() -> list[str]:
    """What setup.cfg requires, and the stand-in.

    Without the stand-in when `MPI_ACTORS_FASTECDSA` is `real`, and in a source distribution, which has none:
    what is built there can be taken to other machines.
    """
    settings = ConfigParser(interpolation=None)
    settings.read(TREE / "setup.cfg", encoding="utf-8")
    required = settings["options"]["install_requires"].split("\n")
    if STAND_IN.is_dir() and os.environ.get("MPI_ACTORS_FASTECDSA") != "real":
        required.append(f"fastecdsa @ {STAND_IN.as_uri()}")
    return [line for line in required if line]


# not in the tree: setuptools would put in whatever an earlier build has left there, modules long gone too
with TemporaryDirectory(prefix="mpi_actors-build-") as scratch:
    setup(install_requires=requirements(), options={"build": {"build_base": scratch}})
