"""What a rank does when its program is over: it tells the daemon, and serves the other ranks to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ReplayDivergence
from ...wire.channel import ChannelKind, ChannelMessage
from . import frames
from .wiring import NoWiring

if TYPE_CHECKING:
    from .engine import Engine


def report_end(engine: Engine, code: int) -> None:
    """Tell the daemon that the program has ended with an exit code: it sends nothing more.

    Every other rank first compares what it had from earlier incarnations of this one. This incarnation gives
    up if it has sent less, or has not repeated all its choices: then the program is not deterministic.
    """
    engine.settle()
    with engine.lock:
        if engine.due:
            engine.catch_up()
        if engine.incarnation and not code:
            left = engine.choices.repeat.left() if engine.choices.repeat is not None else ""
            if left:
                engine.choices.diverge("ended", f"it went on: {left}")
            _have_all_compared(engine)
    engine.wiring.say(ChannelMessage(ChannelKind.ENDED, number=code & 0xFF))


def _have_all_compared(engine: Engine) -> None:
    """Wait until no other rank can find any more that this program is not deterministic.

    Even one with which this incarnation has exchanged nothing may have acted on messages of an earlier one. A
    digest may still be under way when this program has ended, so each rank says when it has read all.
    """
    left = [partner for partner in engine.partners if partner.rank != engine.rank]

    def all_compared() -> bool:
        try:
            left[:] = [partner for partner in left if not partner.ask_to_compare()]
        except ReplayDivergence as error:
            engine.give_up(error)
        return not left or engine.over

    engine.wait_for(
        all_compared, lambda: f"its end, until rank {left[0].rank} has compared what it sent before"
    )


def report_failure(engine: Engine, code: int, traceback: str, *, aborts: bool = False) -> None:
    """Tell the daemon that the program failed.

    Args:
        code: the exit code.
        traceback: the program's, in words.
        aborts: the failure ends the whole job.
    """
    engine.settle()
    engine.wiring.say(ChannelMessage(ChannelKind.FAILED, number=code & 0xFF, text=traceback, flag=aborts))


def linger(engine: Engine) -> None:
    """Serve the other ranks until the job is over.

    Where no daemon says when that is, ranks tell each other: this one waits until all others have said so and
    its own words are written.
    """
    with engine.lock:
        if not engine.prewired:
            if not isinstance(engine.wiring, NoWiring):
                engine.wait_for(lambda: engine.over, lambda: "the end of the job")
            return
        others = [partner for partner in engine.partners if partner.rank != engine.rank]
        for partner in others:
            if partner.stream is not None:
                partner.stream.write(frames.control(frames.BYE))

        def all_done() -> bool:
            return all(
                partner.ended and (partner.stream is None or not partner.stream.queue) for partner in others
            )

        engine.wait_for(all_done, lambda: "the end of the other ranks")
