"""DLPack and the CUDA array interface, with objects that are like those of GPU libraries, in host memory."""

from __future__ import annotations

import array
import gc
import sys
import weakref
from typing import Any

import pytest

from mpi_actors.mpi.datatypes import Get_address, buffer, parse_recv, parse_send

CUDA = 2


class Cuda:
    """An object with the attribute `__cuda_array_interface__`."""

    def __init__(
        self, code: str, elements: str, numbers: list[int], readonly: bool = False, **changes: Any
    ) -> None:
        self.array = array.array(code, numbers)
        order = "<" if sys.byteorder == "little" else ">"
        self.__cuda_array_interface__: Any = {
            "data": (self.array.buffer_info()[0], readonly),
            "typestr": order + elements,
            "shape": (len(numbers), 1),
            **changes,
        }


def test_cuda_arrays() -> None:
    """Messages get the memory and the datatype of the elements."""
    message = parse_send(Cuda("i", "i4", [1, 2, 3]))
    assert (message.datatype.Get_name(), message.count) == ("MPI_INT", 3)
    assert array.array("i", bytes(message.packed())).tolist() == [1, 2, 3]
    assert parse_send(Cuda("d", "f8", [1])).datatype.typechar == "d"
    assert parse_send(Cuda("B", "V1", [1])).datatype.Get_name() == "MPI_BYTE"
    target = Cuda("i", "i4", [0, 0])
    parse_recv(target).target()[0][:4] = array.array("i", [9]).tobytes()
    assert target.array.tolist() == [9, 0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"data": None}, TypeError),
        ({"data": (0,)}, ValueError),
        ({"typestr": None}, TypeError),
        ({"typestr": "<iX"}, ValueError),
        ({"typestr": "#i4"}, BufferError),
        ({"typestr": ">i4" if sys.byteorder == "little" else "<i4"}, BufferError),
        ({"shape": 3}, TypeError),
        ({"shape": (3, -1)}, BufferError),
        ({"strides": 42}, TypeError),
        ({"strides": (7, 4)}, BufferError),
        ({"mask": True}, BufferError),
        ({"descr": 42}, TypeError),
        ({"data": (0x10, False)}, BufferError),
    ],
)
def test_wrong_cuda_arrays(changes: dict[str, Any], error: type[Exception]) -> None:
    """Errors say what is wrong, also that memory cannot be read, where reading it would crash."""
    with pytest.raises(error):
        parse_send(Cuda("i", "i4", [1, 2, 3], **changes))


def test_cuda_arrays_that_lack_something() -> None:
    """A missing key is KeyError, another object than a dict TypeError; receivers need writable memory."""
    for key in ("data", "typestr", "shape"):
        one = Cuda("i", "i4", [1])
        del one.__cuda_array_interface__[key]
        with pytest.raises(KeyError):
            parse_send(one)
    one.__cuda_array_interface__ = None
    with pytest.raises(TypeError):
        parse_send(one)
    with pytest.raises(BufferError):
        parse_recv(Cuda("i", "i4", [1], readonly=True))
    with pytest.warns(RuntimeWarning, match="descr"):
        parse_send(Cuda("i", "i4", [1], descr=[("", "<i2")]))
    with pytest.raises(BufferError):
        buffer(Cuda("i", "i4", [1])).cast("i")


class Packed:
    """An object with the methods of DLPack, around a numpy array."""

    def __init__(self, numbers: Any, device: Any = (1, 0), old: bool = False) -> None:
        self.array = numbers
        self.device = device
        self.old = old

    def __dlpack_device__(self) -> Any:
        return self.device

    def __dlpack__(self, **options: Any) -> Any:
        if self.device[0] == CUDA:
            assert options.pop("stream") == -1
        if self.old and options:
            raise TypeError("an unknown argument")
        return self.array.__dlpack__(**options)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("device", [(1, 0), (CUDA, 0)])
def test_dlpack(old: bool, device: tuple[int, int]) -> None:
    """Tensors of all kinds of elements and both orders, with and without versions."""
    numpy = pytest.importorskip("numpy")
    for code in "?bhilBHILefdFD":
        numbers = numpy.arange(6).astype(code).reshape(2, 3)
        message = parse_send(Packed(numbers, device, old))
        assert message.datatype.typechar == code
        assert bytes(message.packed()) == numbers.tobytes()
    fortran = numpy.arange(6.0).reshape(2, 3).T
    assert bytes(parse_send(Packed(fortran)).packed()) == numpy.arange(6.0).tobytes()
    with pytest.raises(BufferError):
        parse_send(Packed(numpy.ones((3, 2))[:, 0], device, old))
    assert Get_address(Packed(numbers)) == numbers.__array_interface__["data"][0]
    assert buffer(Packed(numbers)).nbytes == numbers.nbytes


def test_dlpack_of_read_only_memory() -> None:
    """Programs can send read-only memory, and not receive into it."""
    numpy = pytest.importorskip("numpy")
    fixed = numpy.ones(3)
    fixed.flags.writeable = False
    parse_send(Packed(fixed))
    with pytest.raises(BufferError):
        parse_recv(Packed(fixed))


@pytest.mark.parametrize(
    ("device", "error"),
    [
        ((None, 0), TypeError),
        ((1, None), TypeError),
        ((1,), ValueError),
        ((1, 0, 1), ValueError),
        (None, TypeError),
    ],
)
def test_wrong_devices(device: Any, error: type[Exception]) -> None:
    """A device that is not two integers is TypeError."""
    numpy = pytest.importorskip("numpy")
    with pytest.raises(error):
        Get_address(Packed(numpy.ones(3), device))


def test_the_owner_lives_as_long_as_the_message() -> None:
    """A view by address keeps the owner of the memory alive, and no longer than itself."""
    owner = Cuda("i", "i4", [1, 2, 3])
    ended = weakref.ref(owner)
    view = parse_send(owner).packed()
    del owner
    gc.collect()
    assert ended() is not None
    del view
    gc.collect()
    assert ended() is None
