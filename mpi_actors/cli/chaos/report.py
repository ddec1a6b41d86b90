"""What people and machines read of the runs: as they happen, and in the end."""

from __future__ import annotations

import json
import shlex
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence

from ...faults import FaultPlan
from ..arguments.chaos import ChaosArguments
from ..text.show import printable
from ..text.tables import one_line, seconds_text, table
from .campaign import Baseline, Outcome, counts, failures
from .trial import Trial, kind_of, plan_line
from .verdict import RunVerdict

_SHOWN_FAILURES = 5
"""Runs that were not right of which the end repeats how to repeat them."""
_REFRESH = 0.1
"""Seconds between two changes of the line that shows progress."""

_EXPLAINED = {
    "NotReplayable": "the lost rank had done something that cannot be repeated; the text says what",
    "ReplayDivergence": "the rank did something else when it was started again; the text says what",
    "NoPeer": "no peer was left, or connected, that could take the lost rank",
    "LogLost": "a rank had left without a word, and its messages went with it; the text says how",
    "SendLogFull": "the log of sent messages was full",
}


class Reporter:
    """Tells people, or machines (`options.json`), of the runs: a `campaign.Audience`."""

    def __init__(self, options: ChaosArguments) -> None:
        self._options = options
        self._json = options.json
        self._live = sys.stderr.isatty() and not options.json
        self._shown_at = 0.0
        self._label = ""
        self._entries = 0

    def on_undisturbed(self, baseline: Baseline) -> None:
        """Show what the runs without faults gave."""
        varying, lines = baseline.expectation.varying, baseline.lines
        if self._json:
            self._print_json(
                "undisturbed", seconds=round(baseline.longest, 3), lines=lines, varying=varying,
            )  # fmt: skip
            return
        self._say(f"undisturbed: {lines} lines within {seconds_text(baseline.longest)}")
        if varying:
            self._say(
                f"note: {varying} of these differ from run to run, without any fault; only the others are "
                "compared"
            )

    def on_begin(self, number: int, seed: int, plan: FaultPlan) -> None:
        """Show the plan of a run."""
        self._entries = 0
        self._label = f"run {number}" + (f" of {self._options.runs}" if self._options.runs else "")
        if self._json:
            self._print_json("run-started", run=number, seed=seed, plan=plan_line(plan))
        else:
            self._say(f"{self._label}, seed {seed}: {plan_line(plan) or 'no fault'}")

    def on_news(self, trial: Trial) -> None:
        """Show what is new in a run."""
        fresh = trial.timeline.entries[self._entries :]
        self._entries += len(fresh)
        for entry in fresh:
            if self._json:
                after = None if entry.after is None else round(entry.after, 4)
                self._print_json(entry.kind, at=round(entry.at, 4), text=entry.text, after=after)
            else:
                since = "" if entry.after is None else f"  (+{entry.after:.3f} s)"
                self._say(f"  {entry.at:8.3f} s  {entry.text}{since}")
        now = time.monotonic()
        if self._live and now - self._shown_at >= _REFRESH:
            self._shown_at = now
            width = shutil.get_terminal_size().columns - 1
            text = f"{self._label}: {trial.transcript.count} lines"
            sys.stderr.write(f"\r\x1b[K{text[:width]}")
            sys.stderr.flush()

    def on_outcome(self, outcome: Outcome) -> None:
        """Show how a run ended."""
        self.on_news(outcome.trial)
        if self._json:
            self._print_json(
                "run-finished",
                run=outcome.number,
                verdict=outcome.verdict.value,
                error=outcome.name,
                seconds=round(outcome.trial.seconds, 3),
                details=list(outcome.details),
                never=outcome.trial.never,
            )
            return
        ending = f": {outcome.name}" if outcome.name else ""
        self._say(f"  {outcome.verdict.value}{ending}, after {seconds_text(outcome.trial.seconds)}")
        for fault in outcome.trial.never:
            self._say(f"      this never came, because the run ended before: {fault}")
        for detail in outcome.details:
            for text in detail.splitlines():
                self._say(f"      {one_line(printable(text))}")

    def conclude(self, seed: int, outcomes: list[Outcome]) -> None:
        """Show the sum of all runs, and how to repeat those that were not right."""
        by_verdict = counts(outcomes)
        bad = list(failures(outcomes))
        if self._json:
            noticed, replaced, resumed = _times(outcomes)
            self._print_json(
                "chaos-finished",
                seed=seed,
                runs=len(outcomes),
                **{verdict.name.lower(): count for verdict, count in by_verdict.items()},
                noticed_s=_figures(noticed),
                replaced_s=_figures(replaced),
                resumed_s=_figures(resumed),
                repeat=[self._again(each) for each in bad],
            )
            return
        self._say("")
        for text in summary(outcomes):
            self._say(text)
        names = sorted({each.name for each in bad if each.name})
        for name in names:
            first = next(each for each in bad if each.name == name)
            text = _EXPLAINED.get(name, "")
            self._say(
                f"{name}{': ' + text if text else ''}; the first time: {one_line(first.details[0], 300)}"
            )
        for each in bad[:_SHOWN_FAILURES]:
            self._say(f"run {each.number} ({each.verdict.value}) again:\n  {self._again(each)}")
        if len(bad) > _SHOWN_FAILURES:
            self._say(f"… and {len(bad) - _SHOWN_FAILURES} more runs that were not right")
        self._say(f"seed {seed}")

    def _again(self, outcome: Outcome) -> str:
        """Return the command that repeats a run."""
        given = self._options.program
        words = ["mpi-actors", "chaos", "--runs", "1", "--seed", str(outcome.seed)]
        words += [
            "--faults",
            plan_line(outcome.trial.plan),
            "-n",
            str(given.size),
            "--peers",
            str(given.peers),
        ]
        words += ["--restart", given.restart] if given.restart else []
        words += ["--no-replay"] if not given.replay.replay else []
        words += ["--real-entropy"] if given.replay.real_entropy else []
        words += ["--output-may-differ"] if given.replay.output_may_differ else []
        words += ["-ipfs-store", str(given.store)] if given.store else []
        words += ["-m"] if given.module else []
        return shlex.join([*words, given.program, *given.args])

    def _say(self, text: str) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        print(text, flush=True)

    def _print_json(self, event: str, **fields: object) -> None:
        print(json.dumps({"event": event, **fields}), flush=True)


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a table: for each kind of fault the runs that had it, how they ended, and the recoveries."""
    head = [
        "runs with",
        "runs",
        *(verdict.value for verdict in RunVerdict),
        "replaced (median, worst)",
        "next line",
    ]
    kinds = sorted({kind_of(fault) for each in outcomes for fault in each.trial.plan.faults})
    rows = [_row(kind, [each for each in outcomes if _has(each, kind)]) for kind in kinds]
    return table(head, [*rows, _row("all", list(outcomes))])


def _has(outcome: Outcome, kind: str) -> bool:
    return any(kind_of(fault) == kind for fault in outcome.trial.plan.faults)


def _row(name: str, outcomes: list[Outcome]) -> list[str]:
    _, replaced, resumed = _times(outcomes)
    ends = [str(count) for count in counts(outcomes).values()]
    return [name, str(len(outcomes)), *ends, _pair(replaced), _pair(resumed)]


def _times(outcomes: Sequence[Outcome]) -> Iterator[list[float]]:
    lines = [each.trial.timeline for each in outcomes if each.verdict is RunVerdict.RIGHT]
    yield [seconds for line in lines for seconds in line.noticed]
    yield [seconds for line in lines for seconds in line.replaced]
    yield [seconds for line in lines for seconds in line.resumed]


def _pair(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s, {max(seconds):.2f} s" if seconds else "-"


def _figures(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {"median": round(statistics.median(seconds), 4), "worst": round(max(seconds), 4)}
