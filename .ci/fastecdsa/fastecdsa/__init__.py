"""A stand-in for fastecdsa: the names that libp2p imports, and nothing behind them.

All releases of libp2p pin fastecdsa, 0.8.1 pins version 2.3.2. That one has no wheel: installing it takes a
compiler and the headers of Python and of libgmp. Of all that libp2p does, only SECIO uses it, an old
handshake that this project neither offers nor accepts (it has Noise only); but `import libp2p` imports it.

So a checkout of mpi_actors brings this package along: `setup.py` requires it by its path, and pip, uv and
pipx install both without a compiler. What it cannot do it says, with a `NotImplementedError`. Whoever needs
the real one in the same environment installs mpi_actors with `MPI_ACTORS_FASTECDSA=real` set, and has that
compiler.
"""

from . import curve as curve
from . import keys as keys
from . import point as point
