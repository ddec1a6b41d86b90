"""Random numbers without a seed: the same in each incarnation of a rank, and in no other rank or process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mpi_worlds import SHIM

from mpi_actors.mpi.boot.entropy import Entropy, EntropyStream
from mpi_actors.wire.environment import ENTROPY, RankEnvironment

SOURCES = {
    "os.urandom": "os.urandom(16)",
    "os.urandom, long": "os.urandom(1000)",
    "os.getrandom": "os.getrandom(16)",
    "SystemRandom": "random.SystemRandom().random()",
    "secrets": "secrets.token_hex(16)",
    "random": "random.random()",
    "random.seed": "[random.seed(), random.random()]",
    "Random()": "random.Random().random()",
    "subclass": "type('Own', (random.Random,), {})().random()",
    "uuid1": "uuid.uuid1().node, uuid.uuid1().clock_seq",
    "uuid4": "uuid.uuid4()",
    "getnode": "uuid.getnode()",
    "tempfile": "next(tempfile._get_candidate_names())",
    "shuffle": "random.sample(range(1000), 1000)",
}
OF_NUMPY = {
    "numpy.random": "numpy.random.rand()",
    "default_rng": "numpy.random.default_rng().random()",
    "SeedSequence": "numpy.random.SeedSequence().entropy",
    "RandomState": "numpy.random.RandomState().rand()",
    "numpy.random.seed": "[numpy.random.seed(), numpy.random.rand()]",
}
IMPORTS = "import os, random, secrets, sys, tempfile, uuid"


def run_rank(
    place: Path,
    source: str,
    *,
    secret: bytes | None = b"s" * 32,
    seed: int | None = 7,
    before: str = "",
    incarnation: int = 0,
) -> str:
    """Run a program as a rank that is alone, and return what it printed. `before`: what runs before."""
    (place / "program.py").write_text(source)
    (place / "sitecustomize.py").write_text(before)
    entropy = None if secret is None else secret.hex()
    given = RankEnvironment(seed=seed, entropy=entropy, incarnation=incarnation)
    done = subprocess.run(
        [sys.executable, "-m", "mpi_actors.mpi.boot", str(place / "program.py")],
        env={**os.environ, "PYTHONPATH": f"{SHIM}:{place}", "PYTHONHASHSEED": "7", **given.write()},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def drawing(*expressions: str, imports: str = IMPORTS) -> str:
    """A program that prints what it draws."""
    return "\n".join([imports, *(f"print({expression})" for expression in expressions)])


def test_each_source_repeats_for_a_rank_and_for_no_other(tmp_path: Path) -> None:
    """Nothing that Python or its library draws comes from the system."""
    program = drawing(*SOURCES.values())
    first, again = (run_rank(tmp_path, program).splitlines() for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first)
    other = run_rank(tmp_path, program, secret=b"t" * 32).splitlines()
    assert [name for name, a, b in zip(SOURCES, first, other, strict=True) if a == b] == []


def test_numpy_repeats_too(tmp_path: Path) -> None:
    """Generators without a seed, and the functions of the module."""
    pytest.importorskip("numpy")
    program = drawing(*OF_NUMPY.values(), imports="import numpy")
    first, again = (run_rank(tmp_path, program).splitlines() for _ in range(2))
    assert first == again
    other = run_rank(tmp_path, program, secret=b"t" * 32).splitlines()
    assert [name for name, a, b in zip(OF_NUMPY, first, other, strict=True) if a == b] == []


def test_modules_that_were_imported_before_repeat_too(tmp_path: Path) -> None:
    """A `sitecustomize` may load them before the rank begins."""
    program = drawing(*SOURCES.values())
    first, again = (run_rank(tmp_path, program, before=IMPORTS).splitlines() for _ in range(2))
    assert first == again


def test_one_consumer_does_not_shift_another(tmp_path: Path) -> None:
    """A library that draws more in one run than in another changes only its own numbers."""
    more = "import os, random, secrets, tempfile; tempfile.mkdtemp; next(tempfile._get_candidate_names())\n"
    lines = [
        run_rank(tmp_path, text + drawing("os.urandom(4)", "random.Random().random()")) for text in ("", more)
    ]
    assert lines[0] == lines[1]


def test_a_seed_of_the_program_gives_what_it_gives_anywhere(tmp_path: Path) -> None:
    """Only what has no seed is ours."""
    program = drawing(
        "random.Random(3).random()", "[random.seed(4), random.random(), uuid.uuid1() and random.random()]"
    )
    (tmp_path / "plain.py").write_text(program)
    plain = subprocess.run(
        [sys.executable, str(tmp_path / "plain.py")], capture_output=True, text=True, check=True
    )
    assert run_rank(tmp_path, program) == plain.stdout


def test_real_entropy_is_the_systems(tmp_path: Path) -> None:
    """Then only the functions of `random` and `numpy.random` have seeds."""
    program = drawing("random.random()", "os.urandom(8)", "random.Random().random()", "secrets.token_hex()")
    first, again = (run_rank(tmp_path, program, secret=None).splitlines() for _ in range(2))
    assert first[0] == again[0]
    assert not set(first[1:]) & set(again[1:])


def test_the_secret_is_not_left_in_the_environment(tmp_path: Path) -> None:
    """What the program starts, and what it prints of its environment, does not have it."""
    assert run_rank(
        tmp_path, f"import os; print({ENTROPY!r} in os.environ, {ENTROPY.encode()!r} in os.environb)"
    ) == ("False False\n")


FORKS = """
import os, random, warnings
warnings.simplefilter("ignore")  # Python 3.12 and later warn of forks beside threads, such as ours
def draw(depth):
    print(depth, os.urandom(8).hex(), random.random(), random.Random().random(), flush=True)
    if depth < 2:
        for _ in range(2):
            if os.fork() == 0:
                draw(depth + 1)
                os._exit(0)
            os.wait()
draw(0)
"""


def test_forked_children_have_numbers_of_their_own(tmp_path: Path) -> None:
    """Other ones than their parent, their brothers and their children, and the same again in another run."""
    first, again = (run_rank(tmp_path, FORKS) for _ in range(2))
    words = [word for line in first.splitlines() for word in line.split()[1:]]
    assert len(words) == 7 * 3 == len(set(words))
    assert first == again


def test_threads_have_numbers_of_their_own() -> None:
    """Threads that draw at the same time get what they would get alone, whoever comes first."""
    drawn: list[dict[str, list[bytes]]] = []
    for order in (1, -1):
        stream = Entropy(b"k" * 32).stream("test")
        found: dict[str, list[bytes]] = {}

        def draw(stream: EntropyStream = stream, found: dict[str, list[bytes]] = found) -> None:
            found[threading.current_thread().name] = [stream.draw(8) for _ in range(500)]

        threads = [threading.Thread(target=draw, name=f"drawer {number}") for number in range(4)][::order]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found["main"] = [stream.draw(8) for _ in range(500)]
        drawn.append(found)
    assert drawn[0] == drawn[1]
    everything = [number for numbers in drawn[0].values() for number in numbers]
    assert len(set(everything)) == len(everything) == 2500


def test_threads_of_one_name_share_no_number() -> None:
    """Their order is chance, but nothing comes twice."""
    stream = Entropy(b"k" * 32).stream("test")
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.extend([stream.draw(8) for _ in range(500)]), name="same")
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 2000


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 100_000])
def test_sizes(size: int) -> None:
    """Any number of bytes, and they look random: no byte value is missing from many."""
    stream = Entropy(b"k" * 32).stream("test")
    drawn = stream.draw(size)
    assert len(drawn) == size
    assert size < 100_000 or len(set(drawn)) == 256
    assert 0 <= stream.bits(13) < 2**13


@pytest.mark.parametrize(
    ("size", "error"), [(-1, ValueError), ("1", TypeError), (None, TypeError), (1.5, TypeError)]
)
def test_bad_sizes_are_errors(size: object, error: type[Exception]) -> None:
    """Those of `os.urandom`."""
    stream = Entropy(b"k" * 32).stream("test")
    for draw in (os.urandom, stream.draw):
        with pytest.raises(error):
            draw(size)  # type: ignore[arg-type]


def test_the_functions_that_stand_in_behave_like_the_built_in_ones(tmp_path: Path) -> None:
    """No method of a class that has one as an attribute; pickled by name, without the secret."""
    program = """
import os, pickle, posix
class Own:
    draw = os.urandom
assert len(Own().draw(3)) == 3
assert pickle.loads(pickle.dumps(os.urandom)) is os.urandom is posix.urandom
assert b"EntropyStream" not in pickle.dumps(os.urandom)
assert os.getrandom(4, os.GRND_NONBLOCK) != os.getrandom(4)
print(os.urandom.__name__, os.urandom.__doc__ == DOC)
"""
    assert run_rank(tmp_path, program.replace("DOC", repr(os.urandom.__doc__))) == "urandom True\n"
    assert pickle.loads(pickle.dumps(os.urandom)) is os.urandom


LEAVES = """
import os, tempfile
made = tempfile.mkdtemp(dir=PLACE)
descriptor, file = tempfile.mkstemp(dir=PLACE)
left = os.listdir(made), os.fstat(descriptor).st_size
open(os.path.join(made, "of another rank"), "w").close()
os.write(descriptor, b"half of it")
print(made, file, *left)
"""


def test_a_later_life_takes_over_the_temporary_files_of_an_earlier_one(tmp_path: Path) -> None:
    """Under the same names, which others may know. Without an earlier life a taken name is passed over."""
    source = LEAVES.replace("PLACE", repr(str(tmp_path)))
    first = run_rank(tmp_path, source)
    assert first.endswith(" [] 0\n")
    again = run_rank(tmp_path, source, incarnation=1)
    assert again == first.replace("[] 0", "['of another rank'] 0")
    assert run_rank(tmp_path, source).split()[0] != first.split()[0]
