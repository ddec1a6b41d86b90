"""Messages of a rank to itself: matched like all others, but neither numbered nor logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .delivery import hand_over
from .matching import Arrival
from .transfer import SYNCHRONOUS, Receive, Sending

if TYPE_CHECKING:
    from .home import Home


class Loopback:
    """The way of a rank's messages to itself. The engine's lock is held in all calls."""

    __slots__ = ("_home",)

    def __init__(self, home: Home) -> None:
        self._home = home

    def send(self, sending: Sending) -> None:
        """Hand a message to a posted receive, or keep a copy of it. A synchronous one waits to be matched."""
        home = self._home
        data = sending.data
        payload = b"".join(data) if type(data) is tuple else data
        context, tag, note = sending.context, sending.number, sending.note
        receive = home.matching.arrive(home.rank, context, tag)
        if receive is not None:
            if receive.want_source < 0:
                home.choices.matched(receive.ordinal, home.rank)
            hand_over(receive, home.rank, tag, note, memoryview(payload))  # type: ignore[arg-type]
        else:
            arrival = Arrival(home.rank, context, tag, note, sending.size, -1)
            arrival.body = bytearray(payload)  # type: ignore[arg-type]
            arrival.complete = True
            home.matching.keep(arrival)
            if sending.mode == SYNCHRONOUS:
                arrival.sender = sending
        sending.data = b""
        if receive is not None or sending.mode != SYNCHRONOUS:
            sending.finish()
        home.kick()

    def match(self, arrival: Arrival, receive: Receive) -> None:
        """Give a kept message to the receive that takes it; a synchronous send of it is complete."""
        assert arrival.body is not None
        hand_over(receive, self._home.rank, arrival.tag, arrival.note, memoryview(arrival.body))
        if arrival.sender is not None:
            arrival.sender.finish()
        self._home.kick()
