"""The predefined datatypes, by their names in the module MPI."""

from __future__ import annotations

from ..handle import constant
from . import codes, registry
from .datatype import DATATYPE_NULL, Datatype
from .definition import Definition
from .layout import assembled, basic

NAMED: dict[str, Datatype] = registry.NAMED
"""See `registry.NAMED`."""

SPECIAL_NAMES = {"INT_INT": "MPI_2INT", "C_COMPLEX": "MPI_C_FLOAT_COMPLEX"}
"""What `Get_name` returns where that is not the name in the module MPI with "MPI_" before it."""
WIDE = 4
"""Bytes of a wchar_t on POSIX systems."""


def _define(name: str, definition: Definition) -> Definition:
    definition.name = SPECIAL_NAMES.get(name, f"MPI_{name}")
    handle = NAMED[name] = definition.constant = constant(name, Datatype._to(definition))
    assert handle is definition.constant
    definition.basic = definition
    return definition


def _basic(name: str, typestr: str, char: str = "") -> None:
    size = WIDE if typestr == "U1" else int(typestr[1:])
    align = size // 2 if typestr[0] == "c" else size
    definition = _define(name, Definition(basic(size, align), predefined=True))
    if typestr[0] == "V":
        return
    definition.typestr = typestr
    definition.char = codes.CHARS.get(typestr) if char in ("", "=") else char
    definition.code = typestr if char == "=" else definition.char


def _pair(name: str) -> None:
    value, index = NAMED[name]._require(), NAMED["INT"]._require()
    parts = ((1, value), (1, index))
    place = value.size + -value.size % index.size
    layout = assembled([(0, value.layout), (place, index.layout)], padded=True)
    _define(f"{name}_INT", Definition(layout, parts=parts, predefined=True))
    registry.PAIR_OF[id(value), id(index)] = NAMED[f"{name}_INT"]


for _line in codes.BASIC.split("\n"):
    if _line:
        _basic(*_line.split())
for _name in codes.PAIRS:
    _pair(_name)
for _line in codes.ALIASES.split("\n"):
    if _line:
        _alias, _name = _line.split()
        NAMED[_alias] = NAMED[_name]

BYTE = NAMED["BYTE"]

_typedict: dict[str, Datatype] = registry.TYPEDICT
_typedict.update((code, NAMED[name]) for code, name in codes.CODES.items())
_typedict_c = {code: NAMED[name] for code, name in codes.C_CODES.items()}
_typedict_f = {code: NAMED[name] for code, name in codes.F_CODES.items()}

__all__ = ["DATATYPE_NULL", "NAMED"]
