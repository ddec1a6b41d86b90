"""Choices: outcomes that are not the program's own, such as who matched ANY_SOURCE, or a test's answer.

They depend on timing: a new incarnation could see something else. So the job's coordinator records that this
rank has made a choice before the first one can have consequences (output commit: Strom and Yemini, ACM TOCS
3(3), 1985). From then on the rank cannot be run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...wire.channel import ChannelKind, ChannelMessage

if TYPE_CHECKING:
    from .home import ChoiceHome


class Choices:
    """The choices of one rank. The engine calls it only where a program's own call is nondeterministic.

    Args:
        home: the engine.
    """

    __slots__ = ("_home", "first", "recorded")

    def __init__(self, home: ChoiceHome) -> None:
        self._home = home
        self.first = ""
        """What the rank's first choice was, in words for people; empty before it."""
        self.recorded = False
        """The coordinator knows that this rank has made choices."""

    def commit(self, what: str) -> None:
        """The program is about to see an outcome that it did not decide, of a call that `what` names.

        Waits until the coordinator has recorded the first choice; later ones, and those of a rank that is
        alone in its job or has no daemon, do not wait.
        """
        if not self.first and self._home.size > 1:
            self._record(what)

    def _record(self, what: str) -> None:
        home = self._home
        with home.lock:
            if self.first:
                return
            self.first = what
            if home.wiring.say(ChannelMessage(ChannelKind.CHOICE, text=what)):
                home.wait_for(lambda: self.recorded, lambda: "the coordinator to record a choice")

    def on_recorded(self) -> None:
        """The daemon says that the coordinator has recorded the choice. The engine's lock is held."""
        self.recorded = True
