"""The command `chaos`: it sees a terminal, signals, and pools on this machine."""

from __future__ import annotations

import signal
import sys

import trio

from ...errors import JobFailed, MpiActorsError, Ungrouped, UsageError
from .. import exit_codes
from ..arguments.chaos import ChaosArguments
from ..run.launch import program_of
from ..signals import receive_ending
from .campaign import Campaign, counts
from .report import Reporter
from .verdict import RunVerdict


def chaos(options: ChaosArguments) -> int:
    """Do all runs, show them, and return the exit code. Nothing of the pools is left behind.

    After a signal that ends it, the command shows the sum of the runs that were finished.
    """
    try:
        campaign, received = trio.run(_run, options)
    except KeyboardInterrupt:  # outside of `_watch_signals`
        return exit_codes.INTERRUPTED
    except UsageError as error:
        print(f"mpi-actors: {error}", file=sys.stderr)
        return exit_codes.USAGE
    except MpiActorsError as error:
        name = "" if isinstance(error, JobFailed) else f"{type(error).__name__}: "
        print(f"mpi-actors: {name}{error}", file=sys.stderr)
        return exit_codes.JOB_FAILED
    except BrokenPipeError:
        return exit_codes.after_signal(signal.SIGPIPE)
    if received:
        return exit_codes.after_signal(received[0])
    found = counts(campaign.outcomes)
    if found[RunVerdict.WRONG] or found[RunVerdict.HUNG]:
        return exit_codes.ERROR
    return exit_codes.JOB_FAILED if found[RunVerdict.FAILED] else exit_codes.OK


async def _run(options: ChaosArguments) -> tuple[Campaign, list[int]]:
    received: list[int] = []
    reporter = Reporter(options)
    campaign = Campaign(options, program_of(options.program), reporter)
    body = Ungrouped()
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, received, nursery.cancel_scope)
        with body:
            await campaign.run()
        nursery.cancel_scope.cancel()
    if not received:
        body.reraise()
    if campaign.outcomes or not received:
        reporter.conclude(campaign.seed, campaign.outcomes)
    return campaign, received


async def _watch_signals(
    received: list[int], scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    with receive_ending() as numbers:
        task_status.started()
        async for number in numbers:
            received.append(number)
            scope.cancel()
            await trio.sleep_forever()
