"""Programs that lose ranks and peers, on real daemons: is the answer right, or is there a named error?

    python tests/losses/run_losses.py                       both suites, an hour or two
    python tests/losses/run_losses.py --quick               what CI runs, a few minutes
    python tests/losses/run_losses.py --suite matrix --only emcee --repeat 2

`ordinary`: programs that are not deterministic, or look so, each killed at random moments. A run may be
right, or end with an error. It may not be wrong with exit code 0, and it may not hang.
`matrix`: what people run, with each kind of loss, early, in the middle and late.

The exit code is 0 if no run was wrong or hung.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import trio
from losses_cases import PEERS, Loss, Program, losses_of_matrix, losses_of_ordinary, matrix, ordinary
from losses_judge import contradictions, verdict_on

from mpi_actors.cli.chaos.transcript import Transcript
from mpi_actors.cli.chaos.trial import Conductor, Slots, Trial, plan_line
from mpi_actors.cli.chaos.verdict import RunVerdict
from mpi_actors.cli.text.tables import table
from mpi_actors.errors import MpiActorsError
from mpi_actors.events import Event, RankStarted
from mpi_actors.faults import FaultPlan
from mpi_actors.pool.local.job import LocalJob
from mpi_actors.pool.local.peer import LocalPeer
from mpi_actors.pool.local.pool import open_local_pool
from mpi_actors.pool.local.script import script

PATIENCE = 60.0
"""Seconds after which a run counts as hung: thirty times what one takes, and a lost peer's time besides."""
MEND_PATIENCE = 60.0
"""Seconds in which a pool must be whole again; otherwise a new one is opened."""
QUICK_KINDS = ("kill process", "kill daemon")
"""Losses of the matrix that `--quick` has, in the middle only."""


@attrs.frozen
class Done:
    """One run with a loss, after its end."""

    loss: Loss
    plan: str
    verdict: RunVerdict
    name: str
    details: list[str]
    noticed: list[float]
    replaced: list[float]
    resumed: list[float]


@attrs.define
class Known:
    """What is known of a program from undisturbed runs."""

    runs: list[Transcript] = attrs.field(factory=list)
    begins: float = 0.0
    """Seconds from the start until all ranks run …"""
    ends: float = 0.0
    """… and to the end, of the shortest run."""
    wrong: str = ""
    """What is wrong without any loss."""


class Losses:
    """Runs losses on pools that are mended in between."""

    def __init__(self, tell: bool) -> None:
        self.done: list[Done] = []
        self._known: dict[str, Known] = {}
        self._tell = tell
        self._last_start = 0.0
        """When a rank was started last, by the monotonic clock."""
        self._conductor = Conductor(self._on_news)

    def _on_news(self, _: Trial) -> None:
        """Do nothing: a run is shown when it has ended."""

    async def run(self, losses: Iterator[Loss], until: float) -> None:
        """Run all of them, or those that begin before `until` by the monotonic clock."""
        todo = list(losses)[::-1]
        while todo and time.monotonic() < until:
            async with open_local_pool(peers=PEERS, on_event=self._on_event) as pool:
                slots = Slots(pool, PEERS)
                mended = True
                while mended and todo and time.monotonic() < until:
                    loss = todo[-1]
                    if loss.program.name not in self._known:
                        await self._learn(slots, loss.program)
                    todo.pop()
                    await self._lose(slots, loss)
                    mended = await _mend(slots)

    async def _on_event(self, peer: LocalPeer, at: float, event: Event) -> None:
        if peer.index == 0:
            if isinstance(event, RankStarted):
                self._last_start = time.monotonic()
            self._conductor.on_event(event, at)

    async def _start(self, slots: Slots, program: Program) -> LocalJob:
        # the same name each time: the pool then knows the script already
        name = program.path.name + (
            "" if program.path.name != "run.py" else f" of {program.path.parent.name}"
        )
        made = attrs.evolve(script(program.path), name=name)
        if name in slots.pool.script_names:
            return await slots.pool.start(name, program.size, *program.args)
        return await slots.pool.start_script(made, program.size, *program.args)

    async def _learn(self, slots: Slots, program: Program) -> None:
        known = Known()
        for number in range(2 if program.equal else 1):
            begun = time.monotonic()
            trial, _ = await self._conductor.run(
                slots, lambda: self._start(slots, program), FaultPlan(), PATIENCE
            )
            result = trial.job.result if trial.job is not None else None
            if result is None or not result.ok:
                known.wrong = f"fails undisturbed: {result.reason if result else 'it hangs'}"
            elif said := contradictions(trial.transcript):
                known.wrong = f"contradicts itself undisturbed: {said[0]}"
            known.runs.append(trial.transcript)
            if number == 0 or trial.seconds < known.ends:
                known.begins, known.ends = self._last_start - begun, trial.seconds
        self._known[program.name] = known

    async def _lose(self, slots: Slots, loss: Loss) -> None:
        known = self._known[loss.program.name]
        plan = loss.plan(known.begins, known.ends)
        if known.wrong:
            self._add(Done(loss, "", RunVerdict.WRONG, "", [known.wrong], [], [], []))
            return
        trial, ended = await self._conductor.run(
            slots, lambda: self._start(slots, loss.program), plan, PATIENCE
        )
        result = trial.job.result if trial.job is not None else None
        if not ended or result is None:
            verdict, name, details = RunVerdict.HUNG, "", trial.why
        else:
            verdict, name, details = verdict_on(
                result, trial.transcript, known.runs, equal=loss.program.equal
            )
        line = trial.timeline
        times = (line.noticed, line.replaced, line.resumed)
        self._add(Done(loss, plan_line(plan), verdict, name, details, *times))

    def _add(self, done: Done) -> None:
        self.done.append(done)
        if self._tell:
            loss = done.loss
            where = f"{loss.program.name}, {loss.kind}, {loss.phase}, seed {loss.seed}"
            print(f"{done.verdict.value:<15} {done.name:<18} {where}: {done.plan}", flush=True)
            if done.verdict in (RunVerdict.WRONG, RunVerdict.HUNG):
                print("\n".join(f"    {detail}" for detail in done.details[:20]), flush=True)


async def _mend(slots: Slots) -> bool:
    if not slots.pool.peer(0).alive:
        return False
    with trio.move_on_after(MEND_PATIENCE):
        try:
            await slots.relieve()
            await slots.refill()
        except MpiActorsError:
            return False
        return True
    return False


# --- tables -------------------------------------------------------------------------------------------------


def rows(done: list[Done], by: str) -> list[list[str]]:
    """Return a row for each program (`by` is "program"), or each program and kind of loss."""
    names: dict[tuple[str, str], list[Done]] = {}
    for each in done:
        key = (each.loss.program.name, each.loss.kind if by == "kind" else "")
        names.setdefault(key, []).append(each)
    return [_row(f"{program} {kind}".strip(), found) for (program, kind), found in names.items()]


def _row(name: str, done: list[Done]) -> list[str]:
    ends = Counter(each.verdict for each in done)
    errors = Counter(each.name for each in done if each.name)
    replaced = [seconds for each in done for seconds in each.replaced]
    resumed = [seconds for each in done for seconds in each.resumed]
    named = ", ".join(f"{count} {error}" for error, count in errors.most_common())
    return [
        name,
        str(len(done)),
        *(str(ends[verdict]) for verdict in RunVerdict),
        _median(replaced),
        _median(resumed),
        named,
    ]


def _median(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} / {max(seconds):.2f}" if seconds else "-"


def report(title: str, done: list[Done], by: str) -> Iterator[str]:
    """Yield a table, and how to repeat what was wrong or hung."""
    head = ["", "runs", *(verdict.value for verdict in RunVerdict)]
    head += ["replaced s (median / worst)", "next line s", "errors"]
    yield f"\n{title}"
    yield from table(head, [*rows(done, by), _row("all", done)])
    for each in done:
        if each.verdict in (RunVerdict.WRONG, RunVerdict.HUNG):
            loss = each.loss
            yield f"{each.verdict.value}: {loss.program.name}, {loss.kind}, {loss.phase}, seed {loss.seed}"
            yield (
                f"    python -m mpi_actors chaos --runs 1 --faults '{each.plan}' -n {loss.program.size} "
                + (f"--peers {PEERS} {loss.program.path} {' '.join(loss.program.args)}")
            )
            yield from (f"    {detail}" for detail in each.details[:5])


# --- the command --------------------------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--suite", choices=("ordinary", "matrix"), help="default: both")
    parser.add_argument("--only", action="append", metavar="NAME", help="programs whose names begin so")
    parser.add_argument("--moments", type=int, help="moments of each ordinary program (default: 10)")
    parser.add_argument("--repeat", type=int, help="runs of each cell of the matrix (default: 5)")
    parser.add_argument("--kind", action="append", help="only these losses of the matrix")
    parser.add_argument("--seed", type=int, default=1, help="decides who is lost, and when (default: 1)")
    parser.add_argument("--minutes", type=float, help="begin no run after this time")
    parser.add_argument("--quick", action="store_true", help="a minute or two")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> Iterator[tuple[str, list[Loss]]]:
    """Yield the suites, and what is run of each."""

    def wanted(programs: list[Program]) -> list[Program]:
        return [
            each
            for each in programs
            if not options.only or any(each.name.startswith(name) for name in options.only)
        ]

    if options.suite in (None, "ordinary"):
        moments = options.moments or (1 if options.quick else 10)
        yield "ordinary", list(losses_of_ordinary(wanted(ordinary()), moments, options.seed))
    if options.suite in (None, "matrix"):
        repeat = options.repeat or (1 if options.quick else 5)
        losses = list(losses_of_matrix(wanted(matrix()), repeat, options.seed))
        kinds = options.kind or (QUICK_KINDS if options.quick else None)
        losses = [each for each in losses if kinds is None or each.kind in kinds]
        yield "matrix", [each for each in losses if not options.quick or each.phase == "middle"]


def main() -> int:
    """Run what is asked for, and report."""
    options = parse()
    # so that pools are taken down on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    bad = False
    figures: dict[str, Any] = {}
    for suite, losses in chosen(options):
        if suite == "ordinary" and options.minutes:
            random.Random(options.seed).shuffle(losses)
        runner = Losses(tell=not options.json)
        try:
            trio.run(runner.run, iter(losses), until)
        finally:
            # of a run that is interrupted, too
            if not options.json:
                print("\n".join(report(suite, runner.done, "kind" if suite == "matrix" else "program")))
        bad |= any(each.verdict in (RunVerdict.WRONG, RunVerdict.HUNG) for each in runner.done)
        figures[suite] = [_figures(each) for each in runner.done]
    if options.json:
        print(json.dumps(figures))
    return int(bad)


def _figures(done: Done) -> dict[str, Any]:
    return {
        "program": done.loss.program.name,
        "kind": done.loss.kind,
        "phase": done.loss.phase,
        "seed": done.loss.seed,
        "plan": done.plan,
        "verdict": done.verdict.value,
        "error": done.name,
        "details": done.details,
        "replaced_s": done.replaced,
        "resumed_s": done.resumed,
    }


if __name__ == "__main__":
    sys.exit(main())
