"""Runs inside each rank: one of the demo's OSU benchmarks, with few iterations and small messages.

    conformance_osu.py FOLDER NAME

The benchmark's own function is called, with other numbers for its parameters.
"""

from __future__ import annotations

import importlib
import inspect
import sys

LARGEST = 1 << 16


def main(folder: str, name: str) -> None:
    """Run it."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    function = getattr(importlib.import_module(name), name)
    few = {}
    for parameter in inspect.signature(function).parameters:
        if "loop" in parameter:
            few[parameter] = 5
        elif parameter.startswith("skip"):
            few[parameter] = 1
        elif parameter == "MAX_MSG_SIZE":
            few[parameter] = LARGEST
    function(**few)


if __name__ == "__main__":
    main(*sys.argv[1:])
