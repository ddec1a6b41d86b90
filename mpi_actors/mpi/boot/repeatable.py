"""Makes a rank's process one that an ordinary program uses without knowing that it may be run again."""

from __future__ import annotations

from ...wire.channel import ChannelKind, ChannelMessage
from ...wire.environment import RankEnvironment
from ..engine import Engine
from .arithmetic import pin_numpy
from .clocks import Clocks
from .entropy import replace_entropy
from .imports import AfterImport
from .output import record_before_output
from .outside import OpenedFiles
from .seeds import seed_when_imported


def make_repeatable(given: RankEnvironment, engine: Engine) -> None:
    """Replace what would give a new incarnation other numbers, as far as the daemon asks for it.

    Args:
        given: what the daemon says.
        engine: records looks at the clock.
    """
    imports = AfterImport()
    if given.entropy is not None:
        replace_entropy(bytes.fromhex(given.entropy), imports, again=given.incarnation > 0)
    elif given.seed is not None:
        seed_when_imported(str(given.seed), given.rank, imports)
    if given.replay:
        pin_numpy(imports)
        if given.channel is not None:
            OpenedFiles(lambda path: engine.wiring.say(_touched(path))).replace(imports)
    # without a daemon nobody would start the rank again
    if given.replay and given.channel is not None:
        Clocks(engine.choices.clock, engine.choices.last_look).replace(imports)
        record_before_output(engine.settle)


def _touched(path: str) -> ChannelMessage:
    return ChannelMessage(ChannelKind.TOUCHED, text=path)
