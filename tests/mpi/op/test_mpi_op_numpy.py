"""Kernels that use numpy give the results of those in plain Python, to the last bit."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.mpi.op import arrays, kernels, plain
from mpi_actors.mpi.op.elements import COMPLEX, FLOATING, INTEGER, PAIR, Element

numpy = pytest.importorskip("numpy")

some = settings(max_examples=60, deadline=None)
COUNT = 7
ALL = ("SUM", "PROD", "MAX", "MIN", "LAND", "LOR", "LXOR", "BAND", "BOR", "BXOR")


def reduced(reducer: plain.Reducer, inbuf: bytes, inoutbuf: bytes) -> bytes:
    out = bytearray(inoutbuf)
    reducer(memoryview(inbuf), memoryview(out))
    return bytes(out)


def same(one: bytes, other: bytes, code: str) -> bool:
    """Check that results are equal to the bit, except the bits of not-a-number."""
    size = struct.calcsize(code)
    for at in range(0, len(one), size):
        x, y = one[at : at + size], other[at : at + size]
        (a,), (b,) = struct.unpack(code, x), struct.unpack(code, y)
        if x != y and (a == a or b == b):
            return False
    return True


@some
@given(st.data(), st.sampled_from("bhiqBHIQ"), st.sampled_from(ALL))
def test_integers(data: st.DataObject, code: str, operation: str) -> None:
    """Elements of any bits give equal results."""
    size = COUNT * struct.calcsize(code)
    left, right = (data.draw(st.binary(min_size=size, max_size=size)) for _ in "lr")
    one = reduced(plain.numbers(operation, code, COUNT), left, right)
    assert reduced(arrays.numbers(numpy, operation, code), left, right) == one


@some
@given(st.data(), st.sampled_from("efd"), st.sampled_from(["SUM", "PROD", "MAX", "MIN"]))
def test_floating_point(data: st.DataObject, code: str, operation: str) -> None:
    """Elements of any bits (infinities, tiny numbers, both zeros, not-a-number) are equal, without
    warnings.
    """
    size = COUNT * struct.calcsize(code)
    left, right = (data.draw(st.binary(min_size=size, max_size=size)) for _ in "lr")
    one = reduced(plain.numbers(operation, code, COUNT), left, right)
    assert same(reduced(arrays.numbers(numpy, operation, code), left, right), one, code)


@pytest.mark.parametrize("operation", ["MAX", "MIN"])
@pytest.mark.parametrize("code", ["e", "f", "d"])
def test_zeros_of_both_signs(code: str, operation: str) -> None:
    """Neither zero is greater: both kernels keep the second."""
    layout = f"40{code}"
    plus, minus = struct.pack(layout, *[0.0] * 40), struct.pack(layout, *[-0.0] * 40)
    for left, right in ((plus, minus), (minus, plus)):
        assert reduced(plain.numbers(operation, code, 40), left, right) == right
        assert reduced(arrays.numbers(numpy, operation, code), left, right) == right


@some
@given(st.data(), st.sampled_from("efd"))
def test_complex_products(data: st.DataObject, code: str) -> None:
    """Elements of any bits give equal results."""
    size = 2 * COUNT * struct.calcsize(code)
    left, right = (data.draw(st.binary(min_size=size, max_size=size)) for _ in "lr")
    one = reduced(plain.complex_products(code), left, right)
    assert same(reduced(arrays.complex_products(numpy, code), left, right), one, code)


@some
@given(st.data(), st.sampled_from("hiqfd"), st.sampled_from(["MAXLOC", "MINLOC"]))
def test_locations(data: st.DataObject, code: str, operation: str) -> None:
    """Elements of any bits, and of few values so that many are equal, give equal results."""
    layout = struct.Struct(f"={code}i")
    few = st.builds(layout.pack, st.integers(-1, 1), st.integers(0, 2))
    item = st.one_of(few, st.binary(min_size=layout.size, max_size=layout.size))
    left, right = (b"".join(data.draw(st.lists(item, min_size=5, max_size=5))) for _ in "lr")
    one = reduced(plain.locations(operation, code), left, right)
    assert reduced(arrays.locations(numpy, operation, code), left, right) == one


@pytest.mark.parametrize("count", [1, 5, kernels.FEW + 1])
def test_long_double(count: int) -> None:
    """Numpy reduces any number of items."""
    if numpy.dtype("g").itemsize != 16:
        pytest.skip("long double has another size here")
    left = (numpy.arange(count, dtype="g") / 3).tobytes()
    right = (numpy.arange(count, dtype="g") / 7).tobytes()
    result = reduced(kernels.reducer("SUM", Element(FLOATING, "g"), count), left, right)
    expected = numpy.frombuffer(left, "g") + numpy.frombuffer(right, "g")
    assert numpy.frombuffer(result, "g").tolist() == expected.tolist()
    pair = numpy.array([(2.5, 7)], dtype=[("v", "g"), ("i", "i")]).tobytes()
    other = numpy.array([(2.5, 3)], dtype=[("v", "g"), ("i", "i")]).tobytes()
    assert reduced(kernels.reducer("MAXLOC", Element(PAIR, "g"), 1), pair, other) == other


@pytest.mark.parametrize("kind", [INTEGER, COMPLEX])
def test_many_items(kind: str) -> None:
    """Numpy reduces more than a few items, with the result of plain Python."""
    code = "i" if kind == INTEGER else "d"
    count = kernels.FEW + 1
    size = count * struct.calcsize(code) * (2 if kind == COMPLEX else 1)
    zero, data = bytes(size), bytes(index % 60 for index in range(size))
    assert reduced(kernels.reducer("SUM", Element(kind, code), count), data, zero) == data


class TestWhetherToImport:
    """numpy is imported when plain Python has cost about as much."""

    def test_it_is_there(self) -> None:
        """A numpy that the program has imported is used at once."""
        assert kernels._Numpy().worth(kernels.FEW + 1) is numpy

    def test_it_is_not_there_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few thousand items do not import numpy; more of them do."""
        monkeypatch.setattr(kernels, "sys", SimpleNamespace(modules={}))
        rent = kernels._Numpy()
        assert rent.worth(kernels.WORTH_IMPORTING - 1) is None
        assert rent.worth(1) is numpy

    def test_it_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without numpy plain Python reduces everything, and the import is tried once."""
        tries = []

        def missing(name: str) -> None:
            tries.append(name)
            raise ImportError

        monkeypatch.setattr(kernels, "import_module", missing)
        rent = kernels._Numpy()
        assert [rent.worth(kernels.WORTH_IMPORTING) for _ in range(3)] == [None] * 3
        assert tries == ["numpy"]
