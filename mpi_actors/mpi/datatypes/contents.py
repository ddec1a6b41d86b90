"""How a datatype was made, for `Get_envelope`, `Get_contents` and `decode` (MPI 4.1, section 5.1.13)."""

from __future__ import annotations

from typing import Any

from .. import constants
from .definition import Definition

NAMES = """
NAMED DUP CONTIGUOUS VECTOR HVECTOR INDEXED HINDEXED INDEXED_BLOCK HINDEXED_BLOCK STRUCT SUBARRAY DARRAY
RESIZED VALUE_INDEX F90_INTEGER F90_REAL F90_COMPLEX
"""
NAME_OF: dict[int, str] = {getattr(constants, f"COMBINER_{name}"): name for name in NAMES.split()}
"""The name of each combiner (COMBINER_…)."""

COMBINERS = {name: number for number, name in NAME_OF.items()}

INTEGERS = {
    "CONTIGUOUS": "count",
    "VECTOR": "count blocklength stride",
    "HVECTOR": "count blocklength",
    "INDEXED": "# blocklengths displacements",
    "HINDEXED": "# blocklengths",
    "INDEXED_BLOCK": "# blocklength displacements",
    "HINDEXED_BLOCK": "# blocklength",
    "STRUCT": "# blocklengths",
    "SUBARRAY": "# sizes subsizes starts order",
    "DARRAY": "size rank # gsizes distribs dargs psizes order",
    "F90_INTEGER": "r",
    "F90_REAL": "p r",
    "F90_COMPLEX": "p r",
}
"""The parameters that are integers in the contents, in order; "#" stands for the length of the lists."""

ADDRESSES = {
    "HVECTOR": "stride",
    "HINDEXED": "displacements",
    "HINDEXED_BLOCK": "displacements",
    "STRUCT": "displacements",
    "RESIZED": "lb extent",
}
"""The parameters that are addresses in the contents, in order."""


def integers_of(definition: Definition) -> list[int]:
    """Return the integers among the arguments of the constructor."""
    return _listed(definition.params, INTEGERS.get(NAME_OF[definition.combiner], ""))


def addresses_of(definition: Definition) -> list[int]:
    """Return the addresses among the arguments of the constructor."""
    return _listed(definition.params, ADDRESSES.get(NAME_OF[definition.combiner], ""))


def _listed(params: dict[str, Any], names: str) -> list[int]:
    found: list[int] = []
    for name in names.split():
        if name == "#":
            found.append(next(len(value) for value in reversed(params.values()) if isinstance(value, list)))
        elif isinstance(params[name], list):
            found.extend(params[name])
        else:
            found.append(params[name])
    return found


def copied(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with copies of their lists."""
    return {name: list(value) if isinstance(value, list) else value for name, value in params.items()}
