"""MPI.buffer, addresses, and the objects that stand in the place of a buffer."""

from __future__ import annotations

import array
import gc
import io
import pickle
import subprocess
import sys
import weakref
from typing import Any

import pytest

from mpi_actors.mpi.datatypes import (
    BOTTOM,
    BUFFER_AUTOMATIC,
    IN_PLACE,
    Aint_add,
    Aint_diff,
    Alloc_mem,
    Free_mem,
    Get_address,
    buffer,
)


def test_of_nothing() -> None:
    """Without an argument there are no bytes, at no address."""
    empty = buffer()
    assert (empty.address, empty.obj, empty.nbytes, empty.readonly, empty.format, empty.itemsize) == (
        *(0, None, 0, False, "B", 1),
    )
    empty[:] = 0
    empty[:] = buffer()
    assert memoryview(empty).shape == (0,)


@pytest.mark.parametrize("wrong", [None, 0, 1.5, [], (), "text"])
def test_what_is_no_buffer(wrong: Any) -> None:
    """Each way to make a buffer raises TypeError."""
    for make in (buffer, buffer.frombuffer):
        with pytest.raises(TypeError):
            make(wrong)


def test_memoryview_and_numpy_take_it() -> None:
    """Another view gets the bytes, writable if they are, and keeps the memory alive."""
    memory = buffer.allocate(8)
    view = memoryview(memory)
    assert (view.format, view.itemsize, view.ndim, view.shape, view.strides) == ("B", 1, 1, (8,), (1,))
    view[2] = 7
    assert memory[2] == 7
    assert io.BytesIO(b"abc").readinto(memory) == 3
    assert bytes(memory[:3]) == b"abc"
    fixed = buffer(b"xyz")
    assert memoryview(fixed).readonly
    with pytest.raises(TypeError):
        io.BytesIO(b"abc").readinto(fixed)
    numpy = pytest.importorskip("numpy")
    numbers = numpy.frombuffer(memory, "u1")
    del memory
    gc.collect()
    assert numbers[:3].tobytes() == b"abc"


def test_memory_goes_with_the_last_view() -> None:
    """Views leave the counts of references as they were."""
    owner = array.array("i", range(10))
    before = sys.getrefcount(owner)
    ended = weakref.ref(owner)
    memory = buffer(owner)
    for _ in range(1000):
        memoryview(memory)[0:4]
    view = memoryview(memory)
    del memory
    assert view[4] == 1
    view.release()
    gc.collect()
    assert sys.getrefcount(owner) == before
    del owner
    assert ended() is None


def test_made_from_objects() -> None:
    """The buffer knows the object; read-only memory must be asked for."""
    made = buffer.frombuffer(bytearray(b"abc"), readonly=True)
    assert made.readonly
    with pytest.raises(TypeError):
        made[0] = 1
    with pytest.raises(BufferError):
        buffer.frombuffer(b"abc")
    same = buffer(bytearray(b"abc")).toreadonly()
    assert same.readonly
    assert same.obj == bytearray(b"abc")
    assert buffer.frombuffer(array.array("i", [1, 2])).nbytes == 8


def test_made_from_an_address() -> None:
    """The buffer sees memory that another object owns."""
    owner = array.array("B", [1, 2, 3])
    address, _ = owner.buffer_info()
    made = buffer.fromaddress(address, 3)
    assert (made.address, made.obj, made.tobytes()) == (address, None, b"\1\2\3")
    made[1:] = b"ab"
    assert owner.tobytes() == b"\1ab"
    assert buffer.fromaddress(address, 3, readonly=True).readonly
    with pytest.raises(ValueError, match="address 0"):
        buffer.fromaddress(0, 1)
    with pytest.raises(ValueError, match="negative"):
        buffer.fromaddress(address, -1)


def test_allocation() -> None:
    """New memory is zero; after Free_mem the buffer has none."""
    assert buffer.allocate(0).address != 0
    memory = Alloc_mem(16)
    assert type(memory) is buffer
    assert memory.tobytes() == bytes(16)
    Free_mem(memory)
    assert (memory.address, memory.nbytes, memory.readonly, memory.obj) == (0, 0, False, None)
    with pytest.raises(ValueError, match="negative"):
        buffer.allocate(-1)
    with pytest.raises(TypeError):
        Free_mem(bytearray())  # type: ignore[arg-type]


def test_as_a_sequence() -> None:
    """Items are integers; slices are buffers of the same memory."""
    memory = buffer.allocate(8)
    memory[0], memory[-1] = 1, 300
    assert (memory[0], memory[-1], len(memory)) == (1, 300 & 0xFF, 8)
    part = memory[2:5]
    part[:] = b"abc"
    assert (type(part), part.obj, memory[2]) == (buffer, memory, ord("a"))
    memory[:] = 9
    assert memory.tobytes() == b"\t" * 8
    with pytest.raises(ValueError, match="2 bytes for a slice of 1"):
        memory[0:1] = memory[0:2]
    wrong: Any
    for wrong, error in ((8, IndexError), (slice(0, 8, 2), IndexError), (None, TypeError)):
        with pytest.raises(error):
            memory[wrong]
        with pytest.raises(error):
            memory[wrong] = 0
    with pytest.raises(NotImplementedError):
        del memory[0]
    numbers = memory.cast("i", [1, 2])
    numbers[0, 1] = 5
    assert memory.cast("i").tolist()[1] == 5


def test_addresses() -> None:
    """The address is that of the first byte, also of read-only memory; BOTTOM and None are at 0."""
    owner = array.array("i", range(4))
    assert Get_address(owner) == owner.buffer_info()[0]
    text = b"abcdef"
    assert buffer.fromaddress(Get_address(text), 6).tobytes() == text
    assert Get_address(memoryview(text)[2:]) == Get_address(text) + 2
    assert Get_address(None) == Get_address(BOTTOM) == 0
    assert Aint_add(100, 4) == 104
    assert Aint_diff(108, 104) == 4
    with pytest.raises(TypeError):
        Get_address([1, 2])


def test_the_three_constants() -> None:
    """The three equal their addresses, have no bytes, and are one object each."""
    buffer()  # before Python 3.12, memoryview takes them from the first use of ctypes on
    for constant in (BOTTOM, IN_PLACE, BUFFER_AUTOMATIC):
        address = int(constant)
        assert constant == address
        assert constant is not None
        assert constant != address + 1
        assert hash(constant) == hash(address)
        assert bool(constant) == bool(address)
        assert type(constant)() is constant
        assert pickle.loads(pickle.dumps(constant)) is constant
        assert repr(constant) == constant.__reduce__()
        assert Get_address(constant) == address
        assert memoryview(constant).nbytes == 0
        with pytest.raises(TypeError):
            constant + 1
    assert BOTTOM.__index__() == 0
    assert BOTTOM != IN_PLACE


HEAVY = "trio libp2p attrs attr msgspec dataclasses inspect asyncio ctypes json logging numpy"


def test_light_imports() -> None:
    """To import the package and to parse a message load nothing that makes the start of ranks slow."""
    script = (
        "import sys; before = set(sys.modules)\n"
        "from mpi_actors.mpi.datatypes import parse_send\n"
        "parse_send(bytearray(8)).packed()\n"
        f"print(*(set({HEAVY!r}.split()) & (set(sys.modules) - before)))"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == ""
