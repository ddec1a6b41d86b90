"""Looks at the clock: the program's own are recorded and repeated, and all others are left alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from package_graph import MODULES, tree

PRELUDE = """
import sys, time, threading
real_ns = time.time_ns
EARLY
from mpi_actors.mpi.boot.clocks import Clocks
from mpi_actors.mpi.boot.imports import AfterImport

looks = []
NOW = 1_700_000_000_123_456_789

def look(number, read):
    assert abs(read() - read()) < 10**12
    looks.append(number)
    return NOW + len(looks)

Clocks(look).replace(AfterImport())
"""
"""Replaces the clocks by one that stands almost still, and counts the looks."""


def run(tmp_path: Path, program: str, *, early: str = "", **environment: str) -> str:
    """Run a program after the prelude, in a process of its own, and return what it printed."""
    (tmp_path / "program.py").write_text(PRELUDE.replace("EARLY", early) + program)
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", str(tmp_path / "program.py")],
        env={**os.environ, "TZ": "Asia/Kolkata", **environment},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("name", "number"),
    [("time", 0), ("monotonic", 1), ("perf_counter", 2), ("process_time", 3), ("thread_time", 4)],
)
def test_each_clock_has_its_number(tmp_path: Path, name: str, number: int) -> None:
    """In seconds, a float that Python itself makes of the nanoseconds, and in nanoseconds."""
    out = run(tmp_path, f"print(time.{name}(), time.{name}_ns(), looks, type(time.{name}()))\n")
    assert out == f"{1_700_000_000_123_456_790 / 1e9!r} 1700000000123456791 {[number] * 3} <class 'float'>\n"


def test_clocks_by_their_identifiers(tmp_path: Path) -> None:
    """The same clocks as above; others are left alone."""
    out = run(
        tmp_path,
        """
of_process, of_thread = time.CLOCK_PROCESS_CPUTIME_ID, time.CLOCK_THREAD_CPUTIME_ID
for clock in time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, of_process, of_thread:
    assert time.clock_gettime_ns(clock) == NOW + len(looks)
    assert time.clock_gettime(clock) == (NOW + len(looks)) / 1e9
assert time.clock_gettime_ns(time.CLOCK_BOOTTIME) < NOW
print(looks)
""",
    )
    assert out == "[0, 0, 1, 1, 3, 3, 4, 4]\n"


def test_the_present_time_in_words(tmp_path: Path) -> None:
    """Functions that take the present if they get no time; with one, they do what they did."""
    out = run(
        tmp_path,
        """
print(time.ctime(), time.asctime(), time.strftime("%H:%M:%S"), sep=", ")
print(time.localtime()[:6], time.gmtime()[:6], time.localtime(None)[:6], time.gmtime(None)[5])
epoch = time.gmtime(0)
print(looks, epoch[:3], time.ctime(0), time.asctime(epoch), time.strftime("%Y", epoch))
print(looks)
""",
    )
    assert out.splitlines() == [
        "Wed Nov 15 03:43:20 2023, Wed Nov 15 03:43:20 2023, 03:43:20",
        "(2023, 11, 15, 3, 43, 20) (2023, 11, 14, 22, 13, 20) (2023, 11, 15, 3, 43, 20) 20",
        f"{[0] * 7} (1970, 1, 1) Thu Jan  1 05:30:00 1970 Thu Jan  1 00:00:00 1970 1970",
        str([0] * 7),
    ]


DATES = """
import datetime, warnings
warnings.simplefilter("ignore")
class Own(datetime.datetime):
    pass
utc = datetime.timezone.utc
print(datetime.datetime.now(), datetime.datetime.now(utc), datetime.datetime.now(tz=utc).tzinfo)
print(datetime.datetime.utcnow(), datetime.datetime.today(), datetime.date.today(), end=" ")
print(repr(Own.now()), Own.utcnow())
print(looks, datetime.datetime(2020, 1, 2).now().year, type(datetime.datetime.now()) is datetime.datetime)
"""


EARLY_DATES = """
import datetime, warnings
warnings.simplefilter("ignore")
datetime.datetime.now(), datetime.datetime.utcnow()
"""


@pytest.mark.parametrize("early", ["", EARLY_DATES])
def test_dates(tmp_path: Path, early: str) -> None:
    """The types stay what they are, also where they were in use before the rank began."""
    assert run(tmp_path, DATES, early=early).splitlines() == [
        "2023-11-15 03:43:20.123456 2023-11-14 22:13:20.123456+00:00 UTC",
        "2023-11-14 22:13:20.123456 2023-11-15 03:43:20.123457 2023-11-15 "
        "Own(2023, 11, 15, 3, 43, 20, 123456) 2023-11-14 22:13:20.123456",
        f"{[0] * 10} 2023 True",
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="utcnow is not deprecated")
def test_utcnow_still_warns(tmp_path: Path) -> None:
    """Of the caller's line."""
    out = run(
        tmp_path,
        """
import datetime, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    datetime.datetime.utcnow()
print([(warning.category.__name__, warning.filename == __file__) for warning in caught])
""",
    )
    assert out == "[('DeprecationWarning', True)]\n"


def test_threads_and_children_have_the_real_clocks(tmp_path: Path) -> None:
    """How often they look is chance."""
    out = run(
        tmp_path,
        """
import datetime, os
def show():
    both = time.time(), datetime.datetime.now().timestamp()
    print(all(abs(now - real_ns() / 1e9) < 600 for now in both), looks)
thread = threading.Thread(target=show)
thread.start()
thread.join()
sys.stdout.flush()
if os.fork() == 0:
    show()
    sys.stdout.flush()
    os._exit(0)
os.wait()
""",
    )
    assert out == "True []\nTrue []\n"


WAITS = """
import asyncio, concurrent.futures, multiprocessing.pool, queue, socketserver, subprocess
import logging  # notes when it was imported
looks = globals().get("looks", [])
looks.clear()
event = threading.Event()
event.wait(0.01)
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    pass
subprocess.run(["true"], timeout=600)
with concurrent.futures.ThreadPoolExecutor() as pool:
    concurrent.futures.wait([pool.submit(int)], timeout=600)
    list(pool.map(int, "12", timeout=600))
async def main():
    await asyncio.wait_for(asyncio.sleep(0.01), 600)
asyncio.run(main())
print(looks)
"""


@pytest.mark.parametrize("early", ["", WAITS.rpartition("print")[0]])
def test_waits_of_pythons_library_are_not_looks(tmp_path: Path, early: str) -> None:
    """Timeouts and event loops use the real clocks, imported before or after."""
    assert run(tmp_path, WAITS, early=early) == "[]\n"


def test_the_functions_behave_like_the_built_in_ones(tmp_path: Path) -> None:
    """No methods of classes that have them as attributes; pickled by name; names and texts as before."""
    out = run(
        tmp_path,
        """
import pickle
class Watch:
    timer = time.perf_counter
assert Watch().timer() > 0 and Watch.timer() > 0
for name in ("time", "monotonic_ns", "ctime", "strftime", "clock_gettime"):
    function = getattr(time, name)
    assert pickle.loads(pickle.dumps(function)) is function and function.__name__ == name
print(time.time.__doc__[:9])
for name, given in ("time", (1,)), ("localtime", ("x",)), ("strftime", ()), ("ctime", (1, 2)):
    try:
        getattr(time, name)(*given)
    except TypeError:
        pass
    else:
        print("no error")
""",
    )
    assert out == "time() ->\n"


LIFE = """
import os, sys, time, threading
from mpi_actors.mpi.boot.clocks import Clocks
from mpi_actors.mpi.boot.imports import AfterImport

recorded = {}
for line in open("looks").read().splitlines():
    number, now = map(int, line.split())
    recorded.setdefault(number, []).append(now)
last = {number: seen[-1] for number, seen in recorded.items()}
record = open("looks", "a")

def look(number, read):
    if recorded.get(number):
        return recorded[number].pop(0)
    now = max(read(), last.get(number, 0) if number else 0)
    print(number, now, file=record, flush=True)
    return now

Clocks(look, last.get).replace(AfterImport())
"""
"""A life of a program: looks at the clock are in a file, as far as a life before this one came."""

LOOPS = {
    "a busy wait": """
end, count = time.monotonic() + 0.02, 0
while time.monotonic() < end:
    count += 1
print(count)
""",
    "progress": """
start = last = time.time()
for step in range(2000):
    if time.time() - last > 0.001:
        last = time.time()
        print(step, f"{last - start:.4f}")
""",
    "an event loop": """
import asyncio
async def tick(name, period):
    for number in range(3):
        await asyncio.sleep(period)
        print(name, number, time.monotonic() > 0)
async def main():
    await asyncio.gather(tick("a", 0.02))
    try:
        await asyncio.wait_for(asyncio.sleep(600), 0.01)
    except asyncio.TimeoutError:
        print("late", time.perf_counter() > 0)
asyncio.run(main())
""",
    "timeouts": """
import queue, subprocess
try:
    subprocess.run(["sleep", "600"], timeout=0.05)
except subprocess.TimeoutExpired:
    print("late", time.monotonic() > 0)
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    print("empty", time.time() > 0)
print(threading.Event().wait(0.01), threading.Lock().acquire(timeout=0.01))
""",
    "a deadline of an event loop": """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    loop.call_at(time.monotonic() + 0.01, called.set)
    await called.wait()
    print("called")
asyncio.run(main())
""",
    "processor time": """
start = time.process_time(), time.thread_time()
while time.process_time() - start[0] < 0.01:
    pass
print(time.thread_time() >= start[1], time.process_time() - start[0] < 60)
""",
    "threads": """
start = time.monotonic()
found = []
thread = threading.Thread(target=lambda: found.append(time.monotonic() - start))
thread.start()
thread.join()
print(0 <= found[0] < 60, 0 <= time.monotonic() - start < 60)
""",
}


def live(tmp_path: Path, program: str, looks: list[str]) -> tuple[str, list[str]]:
    """Run a program that repeats these looks; return what it printed, and all looks after it."""
    (tmp_path / "looks").write_text("".join(f"{look}\n" for look in looks))
    (tmp_path / "program.py").write_text(LIFE + program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, (tmp_path / "looks").read_text().splitlines()


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("uptime", [0, 10**17])
def test_programs_that_loop_on_the_clock_go_on(tmp_path: Path, name: str, uptime: int) -> None:
    """In a second life, and after several losses; clocks go on from where they were, also on a host that has
    not run for as long."""
    out, looks = live(tmp_path, LOOPS[name], [])
    # as if the first host had run for some years
    moved = [
        f"{number} {int(now) + (uptime if number == '1' else 0)}" for number, now in map(str.split, looks)
    ]
    assert live(tmp_path, LOOPS[name], moved) == (out, moved)
    half = moved[: len(moved) // 2]
    for _ in range(2):
        _, half = live(tmp_path, LOOPS[name], half)
        for clock in "1234":
            seen = [int(now) for number, now in map(str.split, half) if number == clock]
            assert seen == sorted(seen)
        half = half[: len(half) * 3 // 4]


LOOKS_LIKE_THE_PROGRAM = {"mpi.environment", "mpi.boot.clocks"}
"""Modules that take the functions of `time` when they call them: `MPI.Wtime` is a look of the program."""


def test_the_library_keeps_the_real_clocks() -> None:
    """Only its engine looks at clocks by itself, and has the real ones."""
    ranks = [name for name in MODULES if name.partition(".")[0] in ("mpi", "MPI", "shim", "replay", "wire")]
    found = {
        name
        for name in ranks
        for node in ast.walk(tree(name))
        if (isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
    }
    assert {name for name in found if not name.startswith("mpi.engine.")} == LOOKS_LIKE_THE_PROGRAM


def test_the_engine_has_the_real_clocks(tmp_path: Path) -> None:
    """In whatever way its modules name them."""
    early = "from mpi_actors.mpi.engine import report\nreport.time = time"
    program = "report.time.monotonic(), report.monotonic()\nprint(looks, report.time is time)\n"
    assert run(tmp_path, program, early=early) == "[] False\n"
