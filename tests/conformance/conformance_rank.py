"""Runs inside each rank: mpi4py's own test program on some of its files, and a record of what passed.

    conformance_rank.py TESTS RECORDS SKIP FILE…

TESTS is the folder with the suite's `main.py`; RECORDS the folder for our record; SKIP a file with ids, one a
line, that are not to be run again. Everything else (loader, order, options, modules that are hidden) is the
suite's own doing, so all ranks run the same tests in the same order.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import sys
import time
import traceback
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


class Recorder(unittest.TextTestResult):
    """A result that writes down each test's end at once, so that a crash loses nothing."""

    records: TextIO
    stacks: TextIO
    _alive = 0.0
    _begun = 0.0
    script = "__main__"
    """The name for tests of the program that was started, instead of `__main__`."""

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().startTest(test)
        self.write("begin", test.id())

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addSuccess(test)
        self.write("passed", test.id())

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self.write("skipped", test.id(), reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self.write("failed", test.id(), "".join(traceback.format_exception(*err)))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self.write("failed", test.id(), "".join(traceback.format_exception(*err)))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.write("failed", test.id(), "".join(traceback.format_exception(*err)))
        elif time.monotonic() > self._alive + 1.0:
            # some tests are thousands of parts: it is seen that they get on
            type(self)._alive = time.monotonic()
            self.write("begin", test.id())

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        self.write("passed", test.id())

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self.write("failed", test.id(), "it passes, but is marked as one that fails")

    @classmethod
    def write(cls, what: str, id: str = "", text: str = "") -> None:
        """A line of the record."""
        id = id.replace("__main__", cls.script, 1)
        entry = {"what": what, "id": id, "text": text, "cpu": round(time.process_time() - cls._begun, 3)}
        cls._begun = time.process_time()
        cls.records.write(json.dumps(entry) + "\n")


def open_records(folder: Path) -> type[Recorder]:
    """A result class that writes to this rank's file in `folder`; outside of MPI, to that of rank 0."""
    mpi: Any = sys.modules.get("mpi4py.MPI")
    rank = mpi.COMM_WORLD.Get_rank() if mpi is not None else 0
    # whoever waits for us asks with this signal where we are
    stacks = (folder / f"stacks-{rank}").open("w")
    faulthandler.register(signal.SIGUSR1, stacks)
    (folder / f"pid-{rank}").write_text(str(os.getpid()))
    records = (folder / f"rank-{rank}").open("a", buffering=1)
    return type("RankRecorder", (Recorder,), {"records": records, "stacks": stacks})


def without(suite: Any, skipped: frozenset[str]) -> unittest.TestSuite:
    """The suite without some tests, grouped as before (fixtures of classes and modules depend on it)."""
    kept: list[Any] = []
    for test in suite:
        if isinstance(test, unittest.BaseTestSuite):
            kept.append(without(test, skipped))
        elif test.id() not in skipped:
            kept.append(test)
    return unittest.TestSuite(kept)


def main(tests: str, records: str, skip: str, *files: str) -> None:
    """Run the files, in the suite's own order."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, tests)
    skipped = frozenset(Path(skip).read_text().splitlines())
    program: Any = importlib.import_module("main")

    class Program(program.TestProgram):  # type: ignore[misc]
        test: Any

        def createTests(self, *args: Any, **options: Any) -> None:  # noqa: N802
            super().createTests(*args, **options)
            self.test = without(self.test, skipped)
            self.testRunner = unittest.TextTestRunner(
                verbosity=0, resultclass=open_records(Path(records)), warnings=self.warnings
            )

    def arguments() -> Iterator[str]:
        yield from ("runtests.py", "--quiet")
        for file in files:
            yield from ("-i", rf"^{file}\.py$")

    program.print_banner = lambda options: None
    try:
        Program(module=None, argv=list(arguments()))
    except SystemExit as end:
        if end.code not in (False, True):  # which only say whether all passed, and so does the record
            raise
    open_records(Path(records)).write("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
