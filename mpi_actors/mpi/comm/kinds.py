"""Which classes the handles of new communicators have.

The constructors of communicators need these classes, and these classes inherit from the constructors. So the
constructors look the classes up here when they are called. `communicator` sets INTRA and INTER when it is
imported, `topocomms` sets the others.
"""

from __future__ import annotations

from typing import Any

INTRA: type[Any]
"""`Intracomm`: communicators within one group."""

INTER: type[Any]
"""`Intercomm`: communicators between two groups."""

CART: type[Any]
"""`Cartcomm`: grids."""

GRAPH: type[Any]
"""`Graphcomm`: graphs that each process knows as a whole."""

DIST: type[Any]
"""`Distgraphcomm`: graphs of which each process knows its own edges."""
