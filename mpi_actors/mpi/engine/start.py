"""Make an engine from the environment that the launcher of this process set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import BadChoices, BadPage, LogLost
from ...replay.page import Page
from ...wire.channel import ChannelKind, ChannelMessage
from ...wire.environment import PROCESS, RankEnvironment
from .engine import Engine
from .helper import ProgressHelper
from .wiring import ChannelWiring, prewired

_MIB = 1024 * 1024
"""Bytes in a mebibyte, the unit of the limits below."""


class Limits(NamedTuple):
    """What a rank's log may hold: the numbers of `config.LaneLimits`, which a rank does not load."""

    log_memory: int = 256 * _MIB
    log_total: int = 8 * 1024 * _MIB
    log_messages: int = 20_000_000


def from_environment(environment: Mapping[str, str]) -> Engine:
    """Return an engine that is connected as the launcher says, or one that is alone if nobody launched it.

    Raises:
        LogLost: this process has executed another program (exec) after it was a rank, and is none any more.
    """
    given = RankEnvironment.read(environment)
    if given.channel is None and environment.get(PROCESS) == str(os.getpid()):
        raise LogLost(
            f"this process was rank {given.rank} of a job until it executed another program (exec), and has "
            "no connection to the other ranks any more. Start the other program as a process of its own"
        )
    lanes = prewired(given.lanes) if given.channel is None else {}
    if given.channel is None and not lanes:
        return Engine(limits=Limits())
    wiring = ChannelWiring(given.channel) if given.channel is not None else None

    def connected(page: Page | None) -> Engine:
        return Engine(
            given.rank,
            given.size,
            incarnation=given.incarnation,
            job=given.job,
            wiring=wiring,
            limits=Limits(),
            prewired=wiring is None,
            page=page,
            replay=given.replay,
        )

    try:
        engine = connected(None if given.page is None or wiring is None else Page.open(given.page))
    except (BadChoices, BadPage) as error:
        connected(None).give_up(error)
    for disown in (engine.disown, engine.choices.leave):
        os.register_at_fork(after_in_child=disown)
    if wiring is None:
        engine.spin = 1 < given.size <= (os.cpu_count() or 1)
        for other, sock in lanes.items():
            engine.partners[other].connect(sock, 0, False)
    ProgressHelper(engine, wiring).start()
    engine.wiring.say(ChannelMessage(ChannelKind.READY))
    return engine
