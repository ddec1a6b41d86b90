"""The failure detector: when a silent peer is dead."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.config import Timing
from mpi_actors.net.detector import Detector

TIMING = Timing()
STEP = TIMING.heartbeat


def beat(detector: Detector, gaps: Iterable[float], now: float = 0.0, step: float = STEP) -> float:
    """Let heartbeats arrive with these gaps; at each step the peer must not count as dead."""
    checked = now
    for gap in gaps:
        while checked + step < now + gap:
            checked += step
            assert not detector.check(checked)
        now += gap
        detector.on_heartbeat(now)
    return now


def dies_after(detector: Detector, now: float, step: float = STEP) -> float:
    """Return the silence after which the peer counts as dead."""
    return next(n * step for n in itertools.count(1) if detector.check(now + n * step))


def test_regular_heartbeats_make_it_quick() -> None:
    """With regular heartbeats, a peer is dead at the first check after `dead_after`."""
    detector = Detector(TIMING, 0.0)
    now = beat(detector, [STEP] * 100)
    assert TIMING.dead_after < dies_after(detector, now) <= TIMING.dead_after + 2 * STEP


def test_silence_from_the_beginning_is_death_too() -> None:
    """A peer that never sends anything is dead as soon as another."""
    assert dies_after(Detector(TIMING, 0.0), 0.0) <= TIMING.dead_after + 2 * STEP


def test_uneven_heartbeats_make_it_patient() -> None:
    """A machine that is slow in bursts gets more time, up to `dead_after_most`."""
    detector = Detector(TIMING, 0.0)
    now = beat(detector, [STEP, STEP, STEP, 1.9] * 30)
    patient = dies_after(detector, now)
    assert TIMING.dead_after + 1 < patient <= TIMING.dead_after_most + 2 * STEP


def test_patience_passes() -> None:
    """When the bursts are over, the detector becomes quick again."""
    detector = Detector(TIMING, 0.0)
    now = beat(detector, [STEP, 1.9] * 30)
    now = beat(detector, [STEP] * 300, now)
    assert dies_after(detector, now) <= TIMING.dead_after + 2 * STEP


@given(st.lists(st.floats(0.0, 1.9), max_size=200))
def test_the_bounds_hold_for_any_rhythm(gaps: list[float]) -> None:
    """After any heartbeats, death comes after a silence between `dead_after` and `dead_after_most`."""
    detector = Detector(TIMING, 0.0)
    now = beat(detector, gaps)
    detector.check(now)
    assert TIMING.dead_after < dies_after(detector, now) + 1e-9
    assert TIMING.dead_after <= detector.patience <= TIMING.dead_after_most


def test_our_own_pause_is_not_held_against_the_peer() -> None:
    """After this process was stopped for a minute, the peer has its usual time from then on."""
    detector = Detector(TIMING, 0.0)
    now = beat(detector, [STEP] * 50)
    detector.check(now)
    assert not detector.check(now + 60)
    assert TIMING.dead_after - 3 * STEP < dies_after(detector, now + 60) <= TIMING.dead_after + 2 * STEP


def test_our_own_pause_teaches_no_patience() -> None:
    """A minute in which this process was stopped does not count as a gap, whatever comes first."""
    for check_first in (True, False):
        detector = Detector(TIMING, 0.0)
        now = beat(detector, [STEP] * 50)
        detector.check(now)
        now += 60
        if check_first:
            detector.check(now)
        detector.on_heartbeat(now)
        assert detector.patience == TIMING.dead_after


def test_other_messages_are_signs_of_life_but_no_heartbeats() -> None:
    """Data between two late heartbeats keeps the peer alive, but the heartbeats still count as late."""
    detector = Detector(TIMING, 0.0)
    now = 0.0
    for _ in range(30):
        for _ in range(19):
            now += 0.1
            detector.on_traffic(now)
            assert not detector.check(now)
        detector.on_heartbeat(now)
    assert detector.patience > TIMING.dead_after
    assert detector.silent_for(now + 1) == 1
