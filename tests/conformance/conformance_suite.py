"""Runs test files on a world and says how each test ended on each rank, whatever hangs or crashes."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import conformance_records
from conformance_records import Ended, RankRecord
from conformance_worlds import Job

_START = 3
"""How many times as long ranks may take until the first of them writes anything."""
_SILENT = 2
"""Jobs in a row in which no test even began; then it is given up."""
_POLL = 0.2
"""Seconds between two looks at what the ranks have written."""
MAX_ACCIDENTS = 4
"""Hangs and crashes in a file after which the rest of it is given up."""


class Trial(NamedTuple):
    """How some test files went on a world."""

    ranks: list[dict[str, Ended]]
    """For each rank how each test ended."""
    accidents: list[str]
    """Hangs, crashes and jobs that ended badly, a text each."""
    seconds: float

    @property
    def passed(self) -> set[str]:
        """The ids that passed on every rank."""
        return conformance_records.passed_everywhere(self.ranks)


Command = Callable[[Path, Path, list[str]], list[str]]
"""Makes a command line from a folder for records, a file with ids to leave out, and the files to run."""


def run(
    command: Command,
    size: int,
    files: list[str],
    *,
    patience: float,
    progress: Callable[[int, str], None],
    **environment: str,
) -> Trial:
    """Run the files, in one job if all goes well.

    When no rank gets on for `patience` seconds, or the job ends early, the tests that ranks were in are noted
    as hung or crashed, and a new job runs what is left.

    Args:
        size: how many ranks write records.
        progress: called with how many tests have ended on rank 0, and which one runs.
    """
    begun = time.monotonic()
    ranks: list[dict[str, Ended]] = [{} for _ in range(size)]
    accidents: list[str] = []
    blame: dict[str, int] = {}
    silent = 0
    left = list(files)
    with tempfile.TemporaryDirectory(prefix="mpi-actors-conformance-") as name:
        for attempt in range(1 + len(files) * MAX_ACCIDENTS):
            folder = Path(name) / str(attempt)
            folder.mkdir()
            skip = folder / "skip"
            settled = set.intersection(*({*rank} for rank in ranks))
            skip.write_text("\n".join(settled | _stopped(ranks)))
            job = Job(command(folder, skip, left), folder / "output", **environment)
            try:
                code = _watch(job, folder, size, patience, progress, len(settled))
                stacks = conformance_records.ask_stacks(folder, size) if code is None else [""] * size
            finally:
                if job.wait(0) is None:
                    job.end()
            records = conformance_records.read(folder, size)
            for rank, record in zip(ranks, records, strict=True):
                rank.update(record.outcomes)
            if all(record.done for record in records):
                if code != 0:
                    accidents.append(f"the job ended with {_in_words(code)}\n{job.tail()}".strip())
                break
            accidents.append(f"{_note(records, ranks, code, patience, stacks)}\n{job.tail()}".strip())
            silent = silent + 1 if not any(record.outcomes or record.running for record in records) else 0
            if silent == _SILENT:
                break
            left = _what_is_left(left, records, blame)
            if not left:
                break
    return Trial(ranks, accidents, time.monotonic() - begun)


def _watch(
    job: Job, folder: Path, size: int, patience: float, progress: Callable[[int, str], None], before: int
) -> int | None:
    """Wait for the job's end; its exit code, or None if it got stuck."""
    amount, since = -1, time.monotonic()
    while (code := job.wait(_POLL)) is None:
        now = conformance_records.amount(folder)
        if now != amount:
            amount, since = now, time.monotonic()
            first = conformance_records.read(folder, size)[0]
            progress(before + len(first.outcomes), first.running or "")
        elif time.monotonic() - since > (patience if amount else _START * patience):
            return None
    return code


def _note(
    records: list[RankRecord],
    ranks: list[dict[str, Ended]],
    code: int | None,
    patience: float,
    stacks: list[str],
) -> str:
    """Write down what the ranks were in when it stopped; returns a text for people."""
    what = "hung" if code is None else "crashed"
    how = f"nothing for {patience:g} s" if code is None else f"the job ended with {_in_words(code)}"
    places = [
        f"rank {number} in {'the end' if record.done else record.running or 'no test'}"
        for number, record in enumerate(records)
    ]
    text = f"{how}: {', '.join(places)}"
    for record, rank, stack in zip(records, ranks, stacks, strict=True):
        if record.running is not None:
            rank[record.running] = Ended(what, f"{stack}\n{text}")
    return text


def _what_is_left(files: list[str], records: list[RankRecord], blame: dict[str, int]) -> list[str]:
    """The files for the next job: without those that stopped it too often."""
    guilty = {record.running.partition(".")[0] for record in records if record.running is not None}
    if not guilty:
        # between tests, while a file is imported, or before the first: that of the last one that was heard of
        last = [id.partition(".")[0] for record in records for id in [*record.outcomes][-1:]]
        later = files[files.index(max(last)) + 1 :] if last and max(last) in files else files
        guilty = {*later[:1]} or {*files[-1:]}
    for file in guilty:
        blame[file] = blame.get(file, 0) + 1
    return [file for file in files if blame.get(file, 0) < MAX_ACCIDENTS]


def _stopped(ranks: list[dict[str, Ended]]) -> set[str]:
    return {id for rank in ranks for id, ended in rank.items() if ended.what in ("hung", "crashed")}


def _in_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"code {code}"
