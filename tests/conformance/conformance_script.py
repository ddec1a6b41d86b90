"""Runs a script that ends with `unittest.main()`, as the main program that it is, and records what passed.

    conformance_script.py RECORDS SKIP SCRIPT ARGUMENT…

The arguments are as those of `conformance_rank.py`. It may itself be the program of `-m mpi4py.futures`.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

from conformance_rank import open_records, without


def record(records: Path, skip: Path, name: str) -> None:
    """Have `unittest.main` leave out tests, and record how the others end."""
    skipped = frozenset(skip.read_text().splitlines())
    create = unittest.TestProgram.createTests

    def create_tests(self: Any, *args: Any, **options: Any) -> None:
        create(self, *args, **options)
        recorder = open_records(records)
        recorder.script = name
        self.test = without(self.test, frozenset(id.replace(name, "__main__", 1) for id in skipped))
        self.testRunner = unittest.TextTestRunner(verbosity=0, resultclass=recorder, warnings=self.warnings)

    unittest.TestProgram.createTests = create_tests  # type: ignore[method-assign]


def start() -> None:
    """Run the script in this very module, which then passes for it (a pool's workers load it by its path)."""
    records, skip, script = map(Path, sys.argv[1:4])
    sys.argv[:] = sys.argv[3:]
    sys.path.insert(0, str(script.parent))
    sys.dont_write_bytecode = True
    record(records, skip, script.stem)
    globals()["__file__"] = str(script)
    try:
        exec(compile(script.read_bytes(), script, "exec"), globals())
    except SystemExit as end:
        if end.code not in (False, True):  # which only say whether all passed, and so does the record
            raise
    open_records(records).write("done")


if __name__ == "__main__":
    start()
