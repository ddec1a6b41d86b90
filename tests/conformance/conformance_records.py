"""What a rank writes down while it runs the suite, and what all ranks' records say together.

A record is a line of JSON with `what` (begin, passed, skipped, failed, done), `id`, `text` and `cpu`, the
seconds of processor time since the record before. Each rank has a file of its own, `rank-N`, since standard
output is for people.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

_ANSWER = 2.0


class Ended(NamedTuple):
    """How a test ended on a rank."""

    what: str
    """passed, skipped, failed, hung (or crashed): stopped in the middle."""
    text: str
    cpu: float = 0.0
    """Seconds of processor time."""


class RankRecord(NamedTuple):
    """What one rank did."""

    outcomes: dict[str, Ended]
    running: str | None
    """The test that it was in when its record ends."""
    done: bool
    """It came to the end of its program."""


def read(folder: Path, size: int) -> list[RankRecord]:
    """The records of all ranks."""
    return [_read(folder / f"rank-{rank}") for rank in range(size)]


def amount(folder: Path) -> int:
    """How much has been written: it grows as long as some rank gets on."""
    return sum(path.stat().st_size for path in folder.glob("rank-*"))


def ask_stacks(folder: Path, size: int) -> list[str]:
    """Where the ranks are, the innermost frames first; empty for those that cannot tell."""
    for path in folder.glob("pid-*"):
        with suppress(ProcessLookupError):
            os.kill(int(path.read_text()), signal.SIGUSR1)
    deadline = time.monotonic() + _ANSWER
    paths = [folder / f"stacks-{rank}" for rank in range(size)]
    while time.monotonic() < deadline and not all(path.exists() and path.stat().st_size for path in paths):
        time.sleep(0.05)
    return [_of_the_test(path.read_text()) if path.exists() else "" for path in paths]


def _of_the_test(stack: str) -> str:
    """Without the frames that called the test."""
    return "\n".join(takewhile(lambda line: "/unittest/case.py" not in line, stack.splitlines()))


def passed_everywhere(ranks: Iterable[dict[str, Ended]]) -> set[str]:
    """The ids that passed on every rank."""
    each = [{id for id, ended in rank.items() if ended.what == "passed"} for rank in ranks]
    return set.intersection(*each) if each else set()


def merged(ranks: Iterable[dict[str, Ended]]) -> dict[str, Ended]:
    """How each test ended on the ranks together: as on the first one where it did not pass."""
    found: dict[str, Ended] = {}
    for rank in ranks:
        for id, ended in rank.items():
            if id not in found or found[id].what == "passed":
                found[id] = ended
    return found


def reason(id: str, ranks: list[dict[str, Ended]]) -> str:
    """Why an id did not pass everywhere, in a line: of the first rank where it did not."""
    for number, rank in enumerate(ranks):
        ended = rank.get(id)
        if ended is None:
            ended = _fixture(id, rank)
        if ended.what != "passed":
            lines = [line for line in ended.text.splitlines() if line.strip()]
            return f"rank {number}: {ended.what}: {lines[-1].strip() if lines else 'without a text'}"
    return "passed on every rank"


def _fixture(id: str, rank: dict[str, Ended]) -> Ended:
    """What became of a test that was not run: a fixture of its class or file failed, or the file's import."""
    group = id.rpartition(".")[0]
    file = id.partition(".")[0]
    for name in (f"setUpClass ({group})", f"setUpModule ({file})", f"unittest.loader._FailedTest.{file}"):
        if name in rank:
            return rank[name]
    return Ended("not run", "it is not there, or the rank did not come so far")


def _read(path: Path) -> RankRecord:
    outcomes: dict[str, Ended] = {}
    running = None
    done = False
    cpu = 0.0
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    for line in lines:
        entry = json.loads(line)
        match entry["what"]:
            case "begin":
                cpu = cpu + entry.get("cpu", 0.0) if running == entry["id"] else 0.0
                running = entry["id"]
            case "done":
                done = True
            case what:
                id = entry["id"]
                # a test that failed stays failed, whatever unittest reports of it besides
                if id not in outcomes or outcomes[id].what != "failed":
                    outcomes[id] = Ended(what, entry["text"], cpu + entry.get("cpu", 0.0))
                cpu = 0.0
                running = None
    return RankRecord(outcomes, running, done)
