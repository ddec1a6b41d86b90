"""Random datatypes, each with a simple model: where its bytes are, and its bounds, by naive recursion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hypothesis import strategies as st

from mpi_actors.mpi.constants import ORDER_C, ORDER_FORTRAN
from mpi_actors.mpi.datatypes import NAMED, Datatype


class Model(NamedTuple):
    """A model: each byte's displacement, in the order of packing, and bounds; `marked`: set by a resize."""

    places: list[int]
    lb: int
    ub: int
    align: int
    marked: bool
    elements: int


class Made(NamedTuple):
    """A datatype and its model."""

    datatype: Datatype
    model: Model


def placed(items: Iterable[tuple[int, Model]], padded: bool = False) -> Model:
    """The model of items at displacements, one after the other."""
    found = list(items)
    places = [disp + place for disp, model in found for place in model.places]
    real = [(disp, model) for disp, model in found if model.align]
    if not real:
        return Model([], 0, 0, 0, False, 0)
    marked = any(model.marked for _, model in real)
    bounding = [(disp, model) for disp, model in real if model.marked or not marked]
    lb = min(disp + model.lb for disp, model in bounding)
    ub = max(disp + model.ub for disp, model in bounding)
    align = max(model.align for _, model in real)
    if padded and not marked:
        while (ub - lb) % align:
            ub += 1
    return Model(places, lb, ub, align, marked, sum(model.elements for _, model in real))


BASIC = ["BYTE", "SHORT", "INT", "DOUBLE", "C_DOUBLE_COMPLEX"]
KINDS = ["dup", "contiguous", "vector", "hvector", "indexed", "hindexed", "block", "hblock", "struct"]
KINDS += ["subarray", "resized"]
few = st.integers(0, 3)
lists = st.lists(st.tuples(few, st.integers(-4, 9)), max_size=4)


@st.composite
def basics(draw: st.DrawFn) -> Made:
    """Draw a basic type."""
    datatype = NAMED[draw(st.sampled_from(BASIC))]
    align = datatype.size // 2 if datatype.Get_name().endswith("COMPLEX") else datatype.size
    return Made(datatype, Model(list(range(datatype.size)), 0, datatype.size, align, False, 1))


@st.composite
def derived(draw: st.DrawFn, old: st.SearchStrategy[Made]) -> Made:
    """Draw a datatype made from one or two others."""
    datatype, model = draw(old)
    extent = model.ub - model.lb
    kind = draw(st.sampled_from(KINDS))
    if kind == "dup":
        return Made(datatype.Dup(), model)
    if kind == "contiguous":
        count = draw(few)
        return Made(datatype.Create_contiguous(count), placed((k * extent, model) for k in range(count)))
    if kind in ("vector", "hvector"):
        count, length, stride = draw(few), draw(few), draw(st.integers(-5, 9))
        step = stride * extent if kind == "vector" else stride
        create = datatype.Create_vector if kind == "vector" else datatype.Create_hvector
        blocks = [(k * step + j * extent, model) for k in range(count) for j in range(length)]
        return Made(create(count, length, stride), placed(blocks))
    if kind in ("indexed", "hindexed"):
        parts = draw(lists)
        unit = extent if kind == "indexed" else 1
        create_ = datatype.Create_indexed if kind == "indexed" else datatype.Create_hindexed
        blocks = [(disp * unit + j * extent, model) for length, disp in parts for j in range(length)]
        return Made(create_([length for length, _ in parts], [disp for _, disp in parts]), placed(blocks))
    if kind in ("block", "hblock"):
        length, disps = draw(few), draw(st.lists(st.integers(-4, 9), max_size=4))
        unit = extent if kind == "block" else 1
        make = datatype.Create_indexed_block if kind == "block" else datatype.Create_hindexed_block
        blocks = [(disp * unit + j * extent, model) for disp in disps for j in range(length)]
        return Made(make(length, disps), placed(blocks))
    if kind == "struct":
        return _struct(draw, [Made(datatype, model), draw(old)])
    if kind == "subarray":
        return _subarray(draw, datatype, model)
    lb, size = draw(st.integers(-9, 9)), draw(st.integers(-8, 60))
    return Made(datatype.Create_resized(lb, size), _resized(model, lb, lb + size))


def _struct(draw: st.DrawFn, old: list[Made]) -> Made:
    lengths = [draw(few) for _ in old]
    disps = [draw(st.integers(-20, 60)) for _ in old]
    blocks = [
        (disp + number * (model.ub - model.lb), model)
        for (_, model), length, disp in zip(old, lengths, disps, strict=True)
        for number in range(length)
    ]
    made = Datatype.Create_struct(lengths, disps, [datatype for datatype, _ in old])
    return Made(made, placed(blocks, padded=True))


def _resized(model: Model, lb: int, ub: int) -> Model:
    return Model(model.places, lb, ub, max(model.align, 1), True, model.elements)


def _subarray(draw: st.DrawFn, datatype: Datatype, model: Model) -> Made:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    subsizes = [draw(st.integers(1, size)) for size in sizes]
    starts = [draw(st.integers(0, size - part)) for size, part in zip(sizes, subsizes, strict=True)]
    order = draw(st.sampled_from([ORDER_C, ORDER_FORTRAN]))
    axes = range(len(sizes)) if order == ORDER_C else range(len(sizes) - 1, -1, -1)
    indices = [0]  # of elements, the slowest axis first
    for axis in axes:
        here = range(starts[axis], starts[axis] + subsizes[axis])
        indices = [index * sizes[axis] + own for index in indices for own in here]
    extent = model.ub - model.lb
    total = 1
    for size in sizes:
        total *= size
    inside = placed((index * extent, model) for index in indices)
    return Made(datatype.Create_subarray(sizes, subsizes, starts, order), _resized(inside, 0, total * extent))


datatypes = st.recursive(basics(), derived, max_leaves=4)
"""Datatypes of some depth."""
