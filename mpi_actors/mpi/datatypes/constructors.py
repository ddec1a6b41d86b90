"""The constructors of derived datatypes, methods of `Datatype`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, Self, SupportsIndex

from ..constants import ERR_COUNT, ORDER_C
from ..errors.exception import Exception as MPIException
from ..handle import Handle
from .contents import COMBINERS
from .definition import Definition, Parts
from .layout import Layout, assembled, repeated, resized
from .registry import PAIR_OF


def integers(values: Iterable[SupportsIndex], expected: int | None = None) -> list[int]:
    """Return integers as a list.

    Raises:
        TypeError: a value is not an integer.
        ValueError: they are not as many as expected.
    """
    found = [index(value) for value in values]
    if expected is not None and len(found) != expected:
        raise ValueError(f"expecting {expected} items, got {len(found)}")
    return found


def counted(*numbers: int) -> None:
    """Check numbers of blocks or of items in a block.

    Raises:
        MPI.Exception: ERR_COUNT, if one is negative.
    """
    for number in numbers:
        if number < 0:
            raise MPIException(ERR_COUNT, f"{number} items")


class TypeConstructors(Handle):
    """Base of `Datatype`: the methods that make a datatype from others (MPI 4.1, section 5.1).

    Programs must commit a new datatype before they use it in messages. All methods raise MPI.Exception:
    ERR_TYPE for a null datatype, ERR_COUNT for a negative count, ERR_ARG for other wrong arguments.
    """

    __slots__ = ()

    @classmethod
    def _made(
        cls, combiner: str, params: dict[str, Any], old: Sequence[Definition], parts: Parts, layout: Layout
    ) -> Self:
        return cls._to(Definition(layout, COMBINERS[combiner], params, old, parts))

    def _spread(self, combiner: str, params: dict[str, Any], count: int, layout: Layout) -> Self:
        """Return a datatype of `count` items of this one."""
        old: Definition = self._require()
        return self._made(combiner, params, (old,), ((count, old),), layout)

    def Dup(self) -> Self:
        """Return a duplicate: the same bytes, committed if this one is, with the attributes that their keys
        copy.
        """
        old: Definition = self._require()
        duplicate = self._made("DUP", {}, (old,), ((1, old),), old.layout)
        definition: Definition = duplicate._h
        definition.char, definition.typestr, definition.code = old.char, old.typestr, old.code
        definition.ready = old.ready
        if old.attributes:
            from ..attributes import copy_attributes

            definition.attributes = copy_attributes(self, old.attributes)
        return duplicate

    Create_dup = Dup

    def Create_contiguous(self, count: int) -> Self:
        """Return a datatype of `count` items, one after the other."""
        count = index(count)
        counted(count)
        layout: Layout = self._require().layout
        return self._spread("CONTIGUOUS", {"count": count}, count, repeated(layout, count))

    def Create_vector(self, count: int, blocklength: int, stride: int) -> Self:
        """Return a datatype of `count` blocks of `blocklength` items, which begin `stride` items apart."""
        extent: int = self._require().extent
        return self._vector("VECTOR", index(count), index(blocklength), index(stride), extent)

    def Create_hvector(self, count: int, blocklength: int, stride: int) -> Self:
        """Return a datatype of `count` blocks of `blocklength` items, which begin `stride` bytes apart."""
        return self._vector("HVECTOR", index(count), index(blocklength), index(stride), 1)

    def _vector(self, combiner: str, count: int, blocklength: int, stride: int, unit: int) -> Self:
        counted(count, blocklength)
        block = repeated(self._require().layout, blocklength)
        params = {"count": count, "blocklength": blocklength, "stride": stride}
        return self._spread(combiner, params, count * blocklength, repeated(block, count, stride * unit))

    def Create_indexed(self, blocklengths: Sequence[int], displacements: Sequence[int]) -> Self:
        """Return a datatype of blocks: their lengths and displacements are in items."""
        return self._indexed("INDEXED", blocklengths, displacements, self._require().extent)

    def Create_hindexed(self, blocklengths: Sequence[int], displacements: Sequence[int]) -> Self:
        """Return a datatype of blocks: their lengths are in items, their displacements in bytes."""
        return self._indexed("HINDEXED", blocklengths, displacements, 1)

    def _indexed(
        self, combiner: str, blocklengths: Sequence[int], displacements: Sequence[int], unit: int
    ) -> Self:
        lengths = integers(blocklengths)
        places = integers(displacements, len(lengths))
        counted(*lengths)
        layout: Layout = self._require().layout
        blocks = {length: repeated(layout, length) for length in set(lengths)}
        compiled = assembled(
            [(place * unit, blocks[length]) for length, place in zip(lengths, places, strict=True)]
        )
        params = {"blocklengths": lengths, "displacements": places}
        return self._spread(combiner, params, sum(lengths), compiled)

    def Create_indexed_block(self, blocklength: int, displacements: Sequence[int]) -> Self:
        """Return a datatype of blocks of one length, at displacements in items."""
        return self._indexed_block("INDEXED_BLOCK", blocklength, displacements, self._require().extent)

    def Create_hindexed_block(self, blocklength: int, displacements: Sequence[int]) -> Self:
        """Return a datatype of blocks of one length in items, at displacements in bytes."""
        return self._indexed_block("HINDEXED_BLOCK", blocklength, displacements, 1)

    def _indexed_block(
        self, combiner: str, blocklength: int, displacements: Sequence[int], unit: int
    ) -> Self:
        length, places = index(blocklength), integers(displacements)
        counted(length)
        block = repeated(self._require().layout, length)
        params = {"blocklength": length, "displacements": places}
        compiled = assembled([(place * unit, block) for place in places])
        return self._spread(combiner, params, length * len(places), compiled)

    @classmethod
    def Create_struct(
        cls, blocklengths: Sequence[int], displacements: Sequence[int], datatypes: Sequence[Any]
    ) -> Self:
        """Return a datatype of blocks: their lengths in items, their displacements in bytes, their
        datatypes.


        Raises:
            ValueError: the three sequences have different lengths.
        """
        lengths = integers(blocklengths)
        places = integers(displacements, len(lengths))
        if len(datatypes) != len(lengths):
            raise ValueError(f"expecting {len(lengths)} items, got {len(datatypes)}")
        counted(*lengths)
        old = [checked(datatype) for datatype in datatypes]
        layout = assembled(
            [
                (place, repeated(part.layout, length))
                for length, place, part in zip(lengths, places, old, strict=True)
            ],
            padded=True,
        )
        params = {"blocklengths": lengths, "displacements": places}
        return cls._made("STRUCT", params, old, tuple(zip(lengths, old, strict=True)), layout)

    def Create_subarray(
        self, sizes: Sequence[int], subsizes: Sequence[int], starts: Sequence[int], order: int = ORDER_C
    ) -> Self:
        """Return a datatype of the part, of `subsizes`, of an array of `sizes` that begins at the indices
        `starts`.
        """
        whole = integers(sizes)
        part, first = integers(subsizes, len(whole)), integers(starts, len(whole))
        from .distribution import subarray  # few programs need it: keeps the start fast

        layout = subarray(self._require().layout, whole, part, first, order)
        count = 1
        for length in part:
            count *= length
        params = {"sizes": whole, "subsizes": part, "starts": first, "order": order}
        return self._spread("SUBARRAY", params, count, layout)

    def Create_darray(
        self,
        size: int,
        rank: int,
        gsizes: Sequence[int],
        distribs: Sequence[int],
        dargs: Sequence[int],
        psizes: Sequence[int],
        order: int = ORDER_C,
    ) -> Self:
        """Return a datatype of the part that rank `rank` of `size` has of a distributed array.

        Args:
            size: how many ranks there are.
            rank: whose part it is.
            gsizes: the array's size in each dimension.
            distribs: how each dimension is distributed (DISTRIBUTE_…).
            dargs: the block size in each dimension, or DISTRIBUTE_DFLT_DARG.
            psizes: how many processes the grid has in each dimension.
            order: ORDER_C or ORDER_FORTRAN.
        """
        whole = integers(gsizes)
        kinds, blocks, grid = (integers(values, len(whole)) for values in (distribs, dargs, psizes))
        from .distribution import darray  # few programs need it: keeps the start fast

        layout, count = darray(
            self._require().layout, index(size), index(rank), whole, kinds, blocks, grid, order
        )
        params = {"size": size, "rank": rank, "gsizes": whole, "distribs": kinds, "dargs": blocks}
        return self._spread("DARRAY", {**params, "psizes": grid, "order": order}, count, layout)

    def Create_resized(self, lb: int, extent: int) -> Self:
        """Return a datatype of the same bytes with another lower bound and extent, in bytes."""
        lb, extent = index(lb), index(extent)
        layout = resized(self._require().layout, lb, extent)
        return self._spread("RESIZED", {"lb": lb, "extent": extent}, 1, layout)

    Resized = Create_resized

    @classmethod
    def Get_value_index(cls, value: Any, index: Any) -> Self:
        """Return the predefined pair of a value and an index; DATATYPE_NULL if there is none."""
        return cls(PAIR_OF.get((id(checked(value)), id(checked(index)))))

    @classmethod
    def Create_f90_integer(cls, r: int) -> Self:
        """Return the predefined type of integers of `r` decimal digits; ERR_ARG if there is none."""
        from .fortran import f90_integer  # few programs need it: keeps the start fast

        return cls._to(f90_integer(index(r)))

    @classmethod
    def Create_f90_real(cls, p: int, r: int) -> Self:
        """Return the predefined type of real numbers of `p` decimal digits and a decimal exponent up to
        `r`.
        """
        from .fortran import f90_real  # few programs need it: keeps the start fast

        return cls._to(f90_real("REAL", index(p), index(r)))

    @classmethod
    def Create_f90_complex(cls, p: int, r: int) -> Self:
        """Return the predefined type of complex numbers whose parts are as of `Create_f90_real`."""
        from .fortran import f90_real  # few programs need it: keeps the start fast

        return cls._to(f90_real("COMPLEX", index(p), index(r)))

    @classmethod
    def Match_size(cls, typeclass: int, size: int) -> Self:
        """Return the Fortran type of a class (TYPECLASS_…) with `size` bytes; ERR_ARG if there is none."""
        from .fortran import match_size  # few programs need it: keeps the start fast

        return cls(match_size(index(typeclass), index(size)))


def checked(datatype: Any) -> Definition:
    """Return what a datatype refers to.

    Raises:
        TypeError: it is not a datatype.
        MPI.Exception: ERR_TYPE, if it is null.
    """
    if not isinstance(datatype, TypeConstructors):
        raise TypeError(f"expected Datatype, got {type(datatype).__name__}")
    definition: Definition = datatype._require()
    return definition
