"""Whether a new incarnation still repeats what an earlier one did, as far as the engine can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine


_CLOCKS = range(5)
"""The numbers of the clocks whose looks are recorded."""


def is_repeating(engine: Engine) -> bool:
    """Return whether other ranks have a message that this rank has yet to send again, or a choice is left.

    A new incarnation waits until all other ranks have said which messages they have.
    """
    if not engine.incarnation:
        return False
    with engine.lock:
        others = [partner for partner in engine.partners if partner.rank != engine.rank]
        for partner in others:
            if partner.resumed_with < 0 and not partner.ended:
                partner.want()
        engine.wait_for(
            lambda: all(partner.resumed_with >= 0 or partner.ended for partner in others),
            lambda: "the other ranks to say which messages of this one they have",
        )
        return _has_choices(engine) or any(
            partner.outlet.numbers.missing_from(partner.outlet.count) for partner in others
        )


def _has_choices(engine: Engine) -> bool:
    """Return whether outcomes or looks at clocks are recorded that the program has yet to see."""
    repeat = getattr(engine.choices, "repeat", None)
    if repeat is not None and repeat.left():
        return True
    last_look = getattr(engine.choices, "last_look", None)
    return last_look is not None and any(last_look(number) is not None for number in _CLOCKS)
