"""How far a transfer is, as a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.cli.text.progress import Speed, describe, render
from mpi_actors.content.store.backend import TransferProgress

MB = 1_000_000
HALF = TransferProgress(20 * MB, 40 * MB)
SPEED = 2.5 * MB


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (85, "fetching   50%  [===============>              ]  20 MB of 40 MB  2.5 MB/s  0:08 left"),
        (70, "fetching   50%  [=======>       ]  20 MB of 40 MB  2.5 MB/s  0:08 left"),
        (60, "fetching   50%  20 MB of 40 MB  2.5 MB/s  0:08 left"),
        (45, " 50%  20 MB of 40 MB  2.5 MB/s  0:08 left"),
        (30, " 50%  2.5 MB/s  0:08 left"),
        (20, " 50%  2.5 MB/s"),
        (8, " 50%"),
        (2, "50"),
    ],
)
def test_as_much_as_fits_is_shown(width: int, line: str) -> None:
    """On a narrow terminal the percentage is the last to go."""
    assert render("fetching", HALF, SPEED, width) == line


@pytest.mark.parametrize(
    ("progress", "speed", "line"),
    [
        (TransferProgress(0, 40 * MB), None, "fetching    0%  0 B of 40 MB"),
        (TransferProgress(0, 40 * MB), 0.0, "fetching    0%  0 B of 40 MB  0 B/s"),
        (TransferProgress(40 * MB, 40 * MB), SPEED, "fetching  100%  40 MB of 40 MB  2.5 MB/s"),
        (TransferProgress(50 * MB, 40 * MB), None, "fetching  100%  40 MB of 40 MB"),
        (TransferProgress(0, 0), None, "fetching  100%  0 B of 0 B"),
        (TransferProgress(5 * MB), SPEED, "fetching  5 MB  2.5 MB/s"),
        (TransferProgress(5 * MB), None, "fetching  5 MB"),
        (TransferProgress(39_999_999, 40 * MB), None, "fetching   99%  40 MB of 40 MB"),
        (TransferProgress(0, 36_000 * MB), SPEED, "fetching    0%  0 B of 36 GB  2.5 MB/s  4:00:00 left"),
        (
            TransferProgress(0, 36_000_000 * MB),
            SPEED,
            "fetching    0%  0 B of 36 TB  2.5 MB/s  166 days left",
        ),
    ],
)
def test_what_is_not_known_is_left_out(progress: TransferProgress, speed: float | None, line: str) -> None:
    """An unknown total, speed or time is not shown; 100 % means complete."""
    assert describe("fetching", progress, speed) == line


@pytest.mark.parametrize(
    ("width", "line"), [(40, "fetching  5 MB  2.5 MB/s"), (20, "5 MB  2.5 MB/s"), (10, "5 MB"), (1, "5")]
)
def test_without_a_total_there_is_no_bar(width: int, line: str) -> None:
    """Without a total, the number of bytes is the last to go."""
    assert render("fetching", TransferProgress(5 * MB), SPEED, width) == line


@given(
    done=st.integers(0, 2**62),
    total=st.none() | st.integers(0, 2**62),
    speed=st.none() | st.floats(0, 1e15),
    width=st.integers(20, 200),
)
def test_it_always_fits_and_says_how_far_it_is(
    done: int, total: int | None, speed: float | None, width: int
) -> None:
    """This holds on any terminal, with any numbers."""
    line = render("publishing", TransferProgress(done, total), speed, width)
    assert 0 < len(line) <= width
    assert ("%" in line) == (total is not None)
    assert line.isprintable()
    if total is not None and done >= total:
        assert "100%" in line
        assert "left" not in line


def test_the_bar_grows() -> None:
    """The bar goes from empty to full, and the line keeps its length except for the numbers."""
    bars = [
        render("x", TransferProgress(done, 10), None, 80).split("[")[1].split("]")[0] for done in range(11)
    ]
    filled = [bar.count("=") for bar in bars]
    assert filled == sorted(filled)
    assert (filled[0], filled[-1]) == (0, len(bars[-1]))
    assert len({len(bar) for bar in bars}) == 1


def test_speed_is_that_of_the_last_seconds() -> None:
    """The speed is unknown at first, then a mean; it is zero in a stall, and starts again with the bytes."""
    speed = Speed(100.0)
    assert speed.tell(100.1, 1000) is None
    assert speed.tell(101.0, 10_000) == 10_000
    for second in range(2, 20):
        told = speed.tell(100.0 + second, second * 10_000)
    assert told == pytest.approx(10_000)
    for second in range(20, 40):
        told = speed.tell(100.0 + second, 190_000)
    assert told == 0
    assert speed.tell(141.0, 5) is None
    assert speed.tell(142.0, 105) == 100
