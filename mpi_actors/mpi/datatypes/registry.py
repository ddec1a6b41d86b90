"""Tables of the predefined datatypes, for modules that `predefined` itself builds on.

`predefined` fills the tables when it is imported; the other modules look things up at call time. The
values are handles of the class `Datatype`, which this module does not import.
"""

from __future__ import annotations

from typing import Any

NAMED: dict[str, Any] = {}
"""Every predefined datatype, aliases too, by its name without the prefix "MPI_"."""

PAIR_OF: dict[tuple[int, int], Any] = {}
"""The pairs of a value and an index, by the identities of the definitions of the two."""

TYPEDICT: dict[str, Any] = {}
"""The predefined datatype of each type character or type string (`MPI._typedict`)."""
