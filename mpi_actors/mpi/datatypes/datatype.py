"""`MPI.Datatype`: what the items of a message are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from ..constants import COMBINER_NAMED, ERR_TYPE, MAX_OBJECT_NAME
from ..errors.exception import Exception as MPIException
from ..handle import constant, forget
from .constructors import TypeConstructors
from .contents import NAME_OF, addresses_of, copied, integers_of
from .definition import Definition
from .packers import Packers
from .registry import TYPEDICT

KIND = "Datatype"
"""The kind of handle to which keys of attributes belong."""


class Datatype(TypeConstructors, Packers):
    """A datatype: predefined, or derived from others by a constructor (MPI 4.1, chapter 5).

    Objects are handles: several may refer to one datatype. Methods of a null handle raise MPI.Exception with
    ERR_TYPE.
    """

    __slots__ = ()
    _error = ERR_TYPE
    _h: Definition | None

    def _require(self) -> Definition:
        if self._h is None:
            raise MPIException(ERR_TYPE, "null datatype")
        return self._h

    @property
    def _contiguous(self) -> bool:
        """Whether any number of items is one run of bytes, which begins where the first item begins."""
        return self._require().dense

    @property
    def _basic(self) -> Datatype | None:
        """The constant for the predefined datatype that all elements are of, if there is one."""
        basic = self._h and self._h.basic
        return basic.constant if basic else None  # type: ignore[return-value]  # a Datatype

    @property
    def _format(self) -> str | None:
        """The character in struct or numpy, or else numpy's type string; None if it is not a basic type."""
        definition = self._require()
        return definition.char or definition.typestr

    def Get_size(self) -> int:
        """Bytes that one item has in a message."""
        return self._require().size

    @property
    def size(self) -> int:
        """Bytes that one item has in a message."""
        return self._require().size

    def Get_extent(self) -> tuple[int, int]:
        """Return the lower bound, and how many bytes consecutive items are apart."""
        definition = self._require()
        return definition.layout.lb, definition.extent

    @property
    def extent(self) -> int:
        """How many bytes consecutive items are apart."""
        return self._require().extent

    @property
    def lb(self) -> int:
        """The lower bound: the displacement at which an item begins, in bytes."""
        return self._require().layout.lb

    @property
    def ub(self) -> int:
        """The upper bound: the lower one plus the extent, in bytes."""
        return self._require().layout.ub

    def Get_true_extent(self) -> tuple[int, int]:
        """Return the displacement of the first byte, and how many bytes after it the last one ends."""
        layout = self._require().layout
        return layout.true_lb, layout.true_ub - layout.true_lb

    @property
    def true_extent(self) -> int:
        """How many bytes after the first byte of an item the last one ends."""
        return self.Get_true_extent()[1]

    @property
    def true_lb(self) -> int:
        """The displacement of the first byte."""
        return self._require().layout.true_lb

    @property
    def true_ub(self) -> int:
        """The displacement of the end of the last byte."""
        return self._require().layout.true_ub

    def Commit(self) -> Self:
        """Allow the use of a derived datatype in messages; return the datatype itself."""
        self._require().ready = True
        return self

    def Free(self) -> None:
        """Free the datatype: the handle becomes null. Datatypes made from it stay.

        Raises:
            MPI.Exception: ERR_TYPE, if it is predefined.
        """
        definition = self._require()
        if definition.predefined:
            raise MPIException(ERR_TYPE, f"{definition.name or 'it'} is predefined")
        definition.holders -= 1
        if definition.holders == 0:
            if definition.attributes:
                from ..attributes import delete_attributes

                delete_attributes(self, definition.attributes)
            forget(definition)
        self._h = None

    def Get_envelope(self) -> tuple[int, int, int, int, int]:
        """Return how many integers, addresses, counts and datatypes the contents have, and the combiner."""
        definition = self._require()
        return (
            len(integers_of(definition)),
            len(addresses_of(definition)),
            0,
            len(definition.old),
            definition.combiner,
        )

    def Get_contents(self) -> tuple[list[int], list[int], list[int], list[Datatype]]:
        """Return the constructor's arguments: integers, addresses, counts (always empty) and datatypes.

        Raises:
            MPI.Exception: ERR_TYPE, for a named datatype.
        """
        definition = self._require()
        if definition.combiner == COMBINER_NAMED:
            raise MPIException(ERR_TYPE, "a named datatype has no contents")
        return integers_of(definition), addresses_of(definition), [], self._old()

    def _old(self) -> list[Datatype]:
        """Return new handles to the constructor's datatypes.

        The caller frees those that are not predefined.
        """
        old = self._require().old
        for definition in old:
            definition.holders += 1
        return [Datatype._to(definition) for definition in old]

    def decode(self) -> tuple[Datatype, str, dict[str, Any]]:
        """Return how the datatype was made: from which datatype, by which constructor, with which arguments.

        `getattr(datatype, "Create_" + constructor.lower())(**arguments)` makes it again. The constructor of a
        named datatype is "NAMED", from itself; a struct is made from DATATYPE_NULL.
        """
        definition = self._require()
        name = NAME_OF[definition.combiner]
        if definition.combiner == COMBINER_NAMED:
            return self, name, {}
        old, params = self._old(), copied(definition.params)
        if name == "STRUCT":
            params["datatypes"] = old
        return old[0] if len(old) == 1 else Datatype._null_handle(), name, params

    @staticmethod
    def _null_handle() -> Datatype:
        null = Datatype._null
        assert isinstance(null, Datatype)
        return null

    @property
    def envelope(self) -> tuple[int, int, int, int, int]:
        """See Get_envelope."""
        return self.Get_envelope()

    @property
    def contents(self) -> tuple[list[int], list[int], list[int], list[Datatype]]:
        """See Get_contents."""
        return self.Get_contents()

    @property
    def combiner(self) -> int:
        """The number (COMBINER_…) of the constructor."""
        return self._require().combiner

    @property
    def is_named(self) -> bool:
        """Whether it is predefined and has a name."""
        return self._require().combiner == COMBINER_NAMED

    @property
    def is_predefined(self) -> bool:
        """Whether the library has made it, so that programs cannot free it. True for DATATYPE_NULL, too."""
        return self._h is None or self._h.predefined

    def _is_predefined(self) -> bool:
        return self._h is not None and self._h.predefined

    def free(self) -> None:
        """Free the datatype, unless the handle is null or a constant.

        Another handle to a predefined datatype becomes null.
        """
        if self._h is None or self._h.constant is self:
            return
        if self._h.predefined:
            self._h = None
        else:
            self.Free()

    def __reduce__(self) -> str | tuple[Any, ...]:
        definition = self._h
        if definition is None or definition.combiner == COMBINER_NAMED:
            return super().__reduce__()
        _, name, params = self.decode()
        old = [Datatype._to(part) for part in definition.old]
        params.pop("datatypes", None)
        return _rebuilt, (type(self), name, params, old)

    def Get_attr(self, keyval: int) -> Any:
        """Return the value that was set for a key, or None. ERR_KEYVAL if there is no such key."""
        from ..attributes import get_attribute

        return get_attribute(KIND, self._require().attributes, keyval)

    def Set_attr(self, keyval: int, attrval: Any) -> None:
        """Set the value for a key."""
        from ..attributes import set_attribute

        set_attribute(self, KIND, self._require().attributes, keyval, attrval)

    def Delete_attr(self, keyval: int) -> None:
        """Delete the value for a key."""
        from ..attributes import delete_attribute

        delete_attribute(self, KIND, self._require().attributes, keyval)

    @classmethod
    def Create_keyval(
        cls,
        copy_fn: Callable[[Datatype, int, Any], Any] | None = None,
        delete_fn: Callable[[Datatype, int, Any], None] | None = None,
        nopython: bool = False,
    ) -> int:
        """Return a new key for attributes.

        Args:
            copy_fn: `copy_fn(datatype, key, value)` returns the value for a duplicate; None: no value.
            delete_fn: `delete_fn(datatype, key, value)` is called before a value is deleted.
            nopython: values are integers, for callers that are not Python.
        """
        from ..attributes import create_keyval

        return create_keyval(KIND, copy_fn, delete_fn, nopython)

    @classmethod
    def Free_keyval(cls, keyval: int) -> int:
        """Free a key for attributes. Returns KEYVAL_INVALID."""
        from ..attributes import free_keyval

        return free_keyval(KIND, keyval)

    def Get_name(self) -> str:
        """Return its name for people, "MPI_INT" for example; empty if it has none."""
        return "MPI_DATATYPE_NULL" if self._h is None else self._h.name

    def Set_name(self, name: str) -> None:
        """Give it a name, which is cut to fit into MAX_OBJECT_NAME bytes."""
        self._require().name = name.encode()[: MAX_OBJECT_NAME - 1].decode(errors="ignore")

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.Get_name()

    @name.setter
    def name(self, name: str) -> None:
        self.Set_name(name)

    def tocode(self) -> str:
        """Return the character or numpy's type string of a basic type.

        Raises:
            ValueError: it has neither.
        """
        code = self._h and self._h.code
        if not code:
            raise ValueError(f"{self.Get_name() or 'the datatype'} has neither a character nor a type string")
        return code

    @classmethod
    def fromcode(cls, code: str) -> Datatype:
        """Return the predefined datatype for a character or a type string.

        Raises:
            ValueError: there is none.
        """
        try:
            datatype: Datatype = TYPEDICT[code]
        except KeyError:
            raise ValueError(f"no datatype for the code {code!r}") from None
        return datatype

    @property
    def typestr(self) -> str:
        """Numpy's type string; "V" and the extent if there is none; empty if null."""
        return "" if self._h is None else self._h.typestr or f"V{max(self._h.extent, 0)}"

    @property
    def typechar(self) -> str:
        """The character in struct and numpy; "V" if there is none; empty if null."""
        return "" if self._h is None else self._h.char or "V"


Datatype._kind = Datatype
Datatype._null = constant("DATATYPE_NULL", Datatype())
DATATYPE_NULL = Datatype._null_handle()


def _rebuilt(cls: type[Datatype], name: str, params: dict[str, Any], old: list[Datatype]) -> Datatype:
    """Return a datatype from its pickle, committed."""
    if name == "STRUCT":
        params["datatypes"] = old
    source = cls._to(old[0]._h) if len(old) == 1 else cls()
    return _datatype_create(source, name, params)


def _typecode(datatype: Datatype) -> str | None:
    """Return the character or type string of a basic type; None if it has neither."""
    return datatype._h.code if datatype._h else None


def _typealign(datatype: Datatype) -> int | None:
    """Return the alignment of a basic type or a predefined pair, in bytes; None for other types."""
    definition = datatype._h
    if definition is None or not (definition.typestr or (definition.predefined and definition.parts)):
        return None
    return definition.layout.align


def _datatype_create(
    datatype: Datatype, combiner: str, params: dict[str, Any], free: bool = False
) -> Datatype:
    """Return a committed datatype from what `decode` returned. `free`: free those it is made from."""
    old = params.get("datatypes", [datatype])
    try:
        made: Datatype = getattr(datatype, f"Create_{combiner.lower()}")(**params)
        return made.Commit()
    finally:
        if free:
            for part in old:
                part.free()


def _datatype_decode(datatype: Datatype, mark: bool = False) -> tuple[Datatype, str, dict[str, Any]]:
    """See the method `decode`. `mark` has no effect."""
    return datatype.decode()
