"""Entropy that a new incarnation draws again: numbers come from a secret of the rank, not from the system.

Nobody who does not know the job's secret can guess them, and each rank of each job has others. A stream is a
keyed hash (BLAKE2b, RFC 7693) of a number that counts up. Each consumer has a stream of its own, and so has
each thread of it, so that one cannot shift the numbers of another. A forked child has other numbers than its
parent and its brothers.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from .imports import AfterImport
from .standins import stand_in

if TYPE_CHECKING:
    from hashlib import blake2b
    from types import ModuleType
else:
    try:
        # the module `hashlib` takes long to load
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

_KEY_SIZE = 32
"""Bytes of a key: nobody can try all of them."""
_COUNTER_SIZE = 8
"""Bytes of the number of a draw: no program makes 2**64 draws."""
_NODE_BITS = 48
"""Bits of the node in a UUID (RFC 9562, section 5.1)."""
_MULTICAST = 1 << 40
"""The bit of a node that says that it is random, and no network card's address (RFC 9562, section 6.10)."""
_SEED_BITS = 512
"""Bits of a seed for a generator: more than anybody could try."""
_SEED_WORDS = 16
"""Words of 32 bits of such a seed, as NumPy wants it."""
_CLOCK_BITS = 14
"""Bits of the clock sequence in a UUID."""


def derive(key: bytes, label: str) -> bytes:
    """Return another key, which the label names."""
    return blake2b(label.encode(errors="surrogatepass"), key=key, digest_size=_KEY_SIZE).digest()


class Entropy:
    """The entropy of one process.

    Args:
        secret: the key of all its numbers.
    """

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.thread = get_ident()
        """The thread that began the process: each stream has a key of its own for every other thread."""
        self._streams: list[EntropyStream] = []
        self._forks = count()
        self._forking: dict[int, int] = {}
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_in_parent,
            after_in_child=self._after_in_child,
        )

    def stream(self, consumer: str) -> EntropyStream:
        """Return a new stream, for a consumer of that name."""
        stream = EntropyStream(self, consumer)
        self._streams.append(stream)
        return stream

    def _before_fork(self) -> None:
        # two threads may fork at the same time
        self._forking[get_ident()] = next(self._forks)

    def _after_in_parent(self) -> None:
        self._forking.pop(get_ident(), None)

    def _after_in_child(self) -> None:
        number = self._forking.pop(get_ident())
        self.secret = derive(self.secret, f"child {number}")
        self.thread = get_ident()
        self._forks = count()
        self._forking.clear()
        for stream in self._streams:
            stream.restart()


class EntropyStream:
    """Bytes for one consumer. Any thread may draw at any moment, also within another draw.

    Args:
        entropy: of the process.
        consumer: its name.
    """

    __slots__ = ("_consumer", "_entropy", "_key", "_next", "_threads")

    def __init__(self, entropy: Entropy, consumer: str) -> None:
        self._entropy = entropy
        self._consumer = consumer
        self.restart()

    def restart(self) -> None:
        """Begin anew with the entropy's present secret."""
        self._key = derive(self._entropy.secret, self._consumer)
        self._next = count().__next__
        self._threads: dict[str, tuple[bytes, Callable[[], int]]] = {}

    def draw(self, size: int, /) -> bytes:
        """Return so many bytes. The errors are those of `os.urandom`."""
        if get_ident() == self._entropy.thread:
            key, number = self._key, self._next()
        else:
            key, following = self._of_thread()
            number = following()
        if 0 < size <= blake2b.MAX_DIGEST_SIZE:
            return blake2b(number.to_bytes(_COUNTER_SIZE, "little"), key=key, digest_size=size).digest()
        return _many(key, number, size)

    def bits(self, size: int) -> int:
        """Return a number of at most so many bits."""
        excess = -size % 8
        return int.from_bytes(self.draw((size + excess) // 8), "little") >> excess

    def _of_thread(self) -> tuple[bytes, Callable[[], int]]:
        # a thread has another identifier in each run; its name counts the threads before it
        threading = sys.modules.get("threading")
        thread = threading._active.get(get_ident()) if threading is not None else None
        name = thread.name if thread is not None else ""
        found = self._threads.get(name)
        if found is None:
            new = derive(self._key, f"thread {name}"), count().__next__
            found = self._threads.setdefault(name, new)
        return found


def _many(key: bytes, number: int, size: int) -> bytes:
    if size < 0:
        raise ValueError("negative argument not allowed")
    from hashlib import shake_256  # few programs draw as much

    return shake_256(key + number.to_bytes(_COUNTER_SIZE, "little")).digest(size)


def replace_entropy(secret: bytes, imports: AfterImport, *, again: bool = False) -> None:
    """Have Python, its library and NumPy draw from a secret from now on.

    Args:
        secret: of the rank.
        imports: acts on modules that the program imports later.
        again: whether an earlier process of this rank has drawn from the same secret.
    """
    entropy = Entropy(secret)
    numbers = entropy.stream("os.getrandom")

    def getrandom(size: int, flags: int = 0) -> bytes:
        return numbers.draw(size)

    stand_in(entropy.stream("os.urandom").draw, os, "urandom")
    stand_in(getrandom, os, "getrandom")
    imports.add("random", lambda module: _in_random(module, entropy))
    imports.add("numpy.random", lambda module: _in_numpy(module, entropy))
    imports.add("tempfile", lambda module: _in_tempfile(module, entropy, again))
    imports.add("uuid", lambda module: _in_uuid(module, entropy))


def _in_random(module: Any, entropy: Entropy) -> None:
    """Generators without a seed, `SystemRandom`, and so `secrets`. C code would ask the system for a seed."""
    unseeded = entropy.stream("random.Random")
    seed_with = module.Random.seed

    def seed(self: object, a: object = None, version: int = 2) -> None:
        """Initialize the state from a seed, or from the rank's entropy; see `random.Random.seed`."""
        seed_with(self, unseeded.bits(_SEED_BITS) if a is None else a, version)

    module.Random.seed = seed
    module.seed = module._inst.seed
    module._urandom = entropy.stream("random.SystemRandom").draw
    # Python's own hook has seeded the child from the system
    os.register_at_fork(after_in_child=module._inst.seed)
    module.seed(entropy.stream("random").draw(blake2b.MAX_DIGEST_SIZE))


def _in_numpy(module: Any, entropy: Entropy) -> None:
    """The functions of `numpy.random`, and whatever gets no seed: it asks `randbits` of `secrets` for one."""
    bits: ModuleType | None = sys.modules.get("numpy.random.bit_generator")
    if bits is not None and hasattr(bits, "randbits"):
        setattr(bits, "randbits", entropy.stream("numpy").bits)  # noqa: B010  # unknown to type checkers
    words = entropy.stream("numpy.random")
    module.seed([words.bits(32) for _ in range(_SEED_WORDS)])


class KeptFiles:
    """The module `os`, as `tempfile` sees it in a rank that runs again: a name that is taken is taken over.

    Nobody else can draw such a name, so the rank's earlier life has left the file or directory behind. Others
    may know the name. A directory keeps what is in it; a file is empty again.

    Args:
        plain: the module `os`.
    """

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """See `os.open`."""
        try:
            return int(self._plain.open(path, flags, mode))
        except FileExistsError:
            return int(self._plain.open(path, flags & ~os.O_EXCL | os.O_TRUNC, mode))

    def mkdir(self, path: Any, mode: int = 0o777) -> None:
        """See `os.mkdir`."""
        try:
            self._plain.mkdir(path, mode)
        except FileExistsError:
            if self._plain.path.islink(path) or not self._plain.path.isdir(path):
                raise


def _in_tempfile(module: Any, entropy: Entropy, again: bool) -> None:
    """Names of temporary files, which do not shift the seeds of the program's generators."""
    if again:
        module._os = KeptFiles(module._os)
    names = entropy.stream("tempfile")
    plain = module._Random

    def of_names() -> object:
        return plain(names.bits(_SEED_BITS))

    module._Random = of_names


def _in_uuid(module: Any, entropy: Entropy) -> None:
    """UUIDs of versions 1 and 6: node and clock sequence. Others draw from `os.urandom`."""
    module._node = entropy.stream("uuid node").bits(_NODE_BITS) | _MULTICAST
    numbers = entropy.stream("uuid clock")
    for name in ("uuid1", "uuid6"):
        plain = getattr(module, name, None)
        if plain is not None:
            setattr(module, name, _with_clock(plain, numbers))


def _with_clock(plain: Callable[..., object], numbers: EntropyStream) -> Callable[..., object]:
    # without a clock sequence it would ask the C library, or draw from the program's numbers
    def uuid(node: int | None = None, clock_seq: int | None = None) -> object:
        return plain(node, numbers.bits(_CLOCK_BITS) if clock_seq is None else clock_seq)

    uuid.__name__ = uuid.__qualname__ = plain.__name__
    uuid.__doc__ = plain.__doc__
    return uuid
